"""What payments refuses, by name."""

from comptoir_runtime.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)


class PaymentNotFound(NotFound):
    """No such payment, or none that the caller may know of."""


class ProviderNotFound(NotFound):
    """No provider of this name is configured."""


class PaymentMethodNotOffered(FailedPrecondition):
    """The method is unknown, or not for this channel, currency or amount: `field` tells which."""


class CurrencyMismatch(InvalidArgument):
    """The amount is in another currency than the payment."""


class PaymentDeclined(FailedPrecondition):
    """The provider said no; `decline_code` and `retryable` tell more."""


class PaymentAmountMismatch(FailedPrecondition):
    """The provider approved another amount or currency than asked; it is being given back."""


class PaymentNotCapturable(FailedPrecondition):
    """The payment's state, or its provider, does not allow to take money."""


class AuthorisationExpired(FailedPrecondition):
    """What was promised was not taken in time: the customer has to pay again."""


class CaptureExceedsAuthorisation(FailedPrecondition):
    """More than is authorised and not yet taken; `amount_left` tells how much is."""


class PaymentAlreadyCaptured(FailedPrecondition):
    """Nothing is left to give up: what was taken comes back by a refund."""


class RefundExceedsCapture(FailedPrecondition):
    """More than was taken and not yet given back; `amount_left` tells how much is."""


class ConsentRequired(FailedPrecondition):
    """Money goes back by another means only when the customer has agreed to it."""


class RefundRefused(FailedPrecondition):
    """The provider does not give the money back; `provider_code` tells why."""


class ProviderUnavailable(Unavailable):
    """The provider was never reached: nothing was charged, and nothing will be."""


class OutcomeUnknown(Unavailable):
    """The provider's answer was lost; the same request again tells, once it is known."""


class OperationInProgress(Aborted):
    """Another operation on this payment has to end first."""


class WebhookSignatureInvalid(InvalidArgument):
    """The notice was not signed by the provider, or not recently."""


class WebhookMalformed(InvalidArgument):
    """The notice is signed, but not one of the provider's."""


class GiftCardsNotConfigured(FailedPrecondition):
    """No cards are issued without the secret that their codes are derived from."""


class GiftCardNotFound(NotFound):
    """No gift card has this code."""


class TooManyAttempts(ResourceExhausted):
    """Too many wrong codes of gift cards; the caller has to wait."""


class CreditAccountNotFound(NotFound):
    """Nobody of this name buys on account in this currency."""


class ReportPeriodDiffers(FailedPrecondition):
    """The report was begun for another time than it is said to cover now."""


class ReportLineChanged(FailedPrecondition):
    """A line that was imported before says something else now; nothing was taken in."""

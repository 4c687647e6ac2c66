"""The procedures: a message in, one call, a message out."""

from __future__ import annotations

from comptoir.customers.v1 import customer_pb2
from comptoir.customers.v1 import customers_service_pb2 as pb
from comptoir_customers import convert
from comptoir_customers.operations import keys, people, sessions, timeline
from comptoir_customers.policies.passwords import Argon2Passwords
from comptoir_runtime import mask, paging
from comptoir_runtime.database import Session
from comptoir_runtime.rpc import Call, process, query, step


class CustomersServicer:
    """Answers for `comptoir.customers.v1.CustomersService`."""

    def __init__(self, signing_in: sessions.Sessions, passwords: Argon2Passwords) -> None:
        self._sessions = signing_in
        self._passwords = passwords

    @process
    async def StartAnonymousSession(
        self, _: pb.StartAnonymousSessionRequest, __: Call
    ) -> customer_pb2.Session:
        return convert.session_to(await self._sessions.start_anonymous())

    @process
    async def Authenticate(self, request: pb.AuthenticateRequest, _: Call) -> customer_pb2.Session:
        session = await self._sessions.authenticate(
            request.email, request.password, request.visitor_token
        )
        return convert.session_to(session)

    @process
    async def AuthenticateStaff(
        self, request: pb.AuthenticateStaffRequest, _: Call
    ) -> customer_pb2.Session:
        session = await self._sessions.authenticate_staff(request.email, request.password)
        return convert.session_to(session)

    @process
    async def RefreshSession(
        self, request: pb.RefreshSessionRequest, _: Call
    ) -> customer_pb2.Session:
        return convert.session_to(await self._sessions.refresh(request.refresh_token))

    @step
    async def EndSession(self, _: pb.EndSessionRequest, call: Call) -> pb.EndSessionResponse:
        await sessions.end_session(call.session, call.principal)
        return pb.EndSessionResponse()

    @query
    async def GetJwks(self, _: pb.GetJwksRequest, call: Call) -> pb.GetJwksResponse:
        return pb.GetJwksResponse(jwks=await keys.get_jwks(call.session))

    @process
    async def Register(self, request: pb.RegisterRequest, call: Call) -> customer_pb2.Customer:
        newcomer = convert.newcomer_from(request)
        hashed = await self._hashed(request)

        async def body(session: Session) -> customer_pb2.Customer:
            return convert.customer_to(await people.register(session, newcomer, hashed))

        return await call.once(request, customer_pb2.Customer, body)

    @query
    async def GetCustomer(
        self, request: pb.GetCustomerRequest, call: Call
    ) -> customer_pb2.Customer:
        meant = people.customer_meant(call.principal, request.customer, people.READ)
        return convert.customer_to(await people.get_customer(call.session, meant))

    @step
    async def UpdateCustomer(
        self, request: pb.UpdateCustomerRequest, call: Call
    ) -> customer_pb2.Customer:
        meant = people.customer_meant(call.principal, request.customer.id, people.WRITE)
        changed = await people.update_customer(
            call.session,
            call.principal,
            convert.customer_from(request.customer, meant),
            mask.apply(request.update_mask, people.CHANGEABLE),
            request.etag,
        )
        return convert.customer_to(changed)

    @query
    async def FindCustomers(
        self, request: pb.FindCustomersRequest, call: Call
    ) -> pb.FindCustomersResponse:
        page = paging.parse(request, paging.Name, default=20)
        (after,) = page.after or ("",)
        found = await people.find_customers(call.session, request.query, after, page.limit)
        shown, token = page.cut(found, lambda customer: paging.Name(customer.number))
        return pb.FindCustomersResponse(
            customers=map(convert.customer_to, shown), next_page_token=token
        )

    @query
    async def GetTimeline(
        self, request: pb.GetTimelineRequest, call: Call
    ) -> pb.GetTimelineResponse:
        page = paging.parse(request, paging.Moment)
        meant = people.customer_meant(call.principal, request.customer, people.READ)
        found = await timeline.get_timeline(call.session, meant, page.after, page.limit)
        shown, token = page.cut(found, lambda touch: paging.Moment(touch.happened_at, touch.id))
        return pb.GetTimelineResponse(touches=map(convert.touch_to, shown), next_page_token=token)

    @process
    async def CreateStaffMember(
        self, request: pb.CreateStaffMemberRequest, call: Call
    ) -> customer_pb2.StaffMember:
        colleague = convert.colleague_from(request)
        hashed = await self._hashed(request)

        async def body(session: Session) -> customer_pb2.StaffMember:
            member = await people.create_staff_member(session, call.principal, colleague, hashed)
            return convert.staff_member_to(member)

        return await call.once(request, customer_pb2.StaffMember, body)

    @query
    async def ListStaffMembers(
        self, request: pb.ListStaffMembersRequest, call: Call
    ) -> pb.ListStaffMembersResponse:
        page = paging.parse(request, paging.Name)
        (after,) = page.after or ("",)
        found = await people.list_staff_members(call.session, after, page.limit)
        shown, token = page.cut(found, lambda member: paging.Name(member.email))
        return pb.ListStaffMembersResponse(
            staff_members=map(convert.staff_member_to, shown), next_page_token=token
        )

    async def _hashed(self, request: pb.RegisterRequest | pb.CreateStaffMemberRequest) -> str:
        """The slow hash of a request's password, which is taken out of it.

        What tells repeated requests apart is a quick hash: nobody may guess a password by it.
        """
        hashed = await self._passwords.hash(request.password)
        request.ClearField("password")
        return hashed

"""What the gateway keeps in memory: the latest states of the bus, and answers made from them."""

from comptoir_gateway.cache.answers import Answers
from comptoir_gateway.cache.news import News, Topic
from comptoir_gateway.cache.stock import Place, Stock, StockBook

__all__ = ["Answers", "News", "Place", "Stock", "StockBook", "Topic"]

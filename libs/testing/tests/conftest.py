from libs.testing.tests.sample.service import Shelf, sample

SERVICE = sample(Shelf)

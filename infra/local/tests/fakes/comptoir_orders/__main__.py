from infra.local.tests.fakes.fake_process import main

main("orders")

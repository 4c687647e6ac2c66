ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}
COPY nats-server /usr/local/bin/nats-server
USER 10001:10001
ENTRYPOINT ["/usr/local/bin/nats-server"]

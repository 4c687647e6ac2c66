ARG BASE_IMAGE=debian:trixie-slim
FROM ${BASE_IMAGE}
# Whatever the distribution has of this version is good enough to test against.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-17 \
    && rm -rf /var/lib/apt/lists/* /var/lib/postgresql/17 \
    && install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
COPY entrypoint.sh /usr/local/bin/entrypoint.sh
ENV PATH="/usr/lib/postgresql/17/bin:$PATH" \
    PGDATA=/var/lib/postgresql/data \
    PGHOST=/tmp \
    LANG=C.UTF-8
# Its number is the package's to choose.
# hadolint ignore=DL3066
USER postgres
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]

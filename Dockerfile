# cas-emulator in a container of one file. Build it: docker build --tag cas-emulator .

FROM rust:1-alpine AS build
RUN apk add --no-cache gcc musl-dev
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package cas-emulator \
    && mkdir -p /root-file-system/data /root-file-system/ca \
    && cp target/release/cas-emulator /root-file-system/

FROM scratch
# The owner of /data, for --data /data/cas.db on a volume, and of /ca, for --tls-ca /ca: its
# ca.pem is what clients must trust.
COPY --from=build --chown=65532:65532 /root-file-system /
USER 65532:65532
ENV CAS_EMULATOR_LISTEN=0.0.0.0:8480 \
    CAS_EMULATOR_ALLOW_REMOTE=true \
    CAS_EMULATOR_CONTROL_ALLOW=10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7
EXPOSE 8480
VOLUME /data /ca
# Without --start-interval, which podman 4.3 and Docker before 25 refuse.
HEALTHCHECK --interval=2s --timeout=5s --start-period=5s \
    CMD ["/cas-emulator", "--check-health"]
ENTRYPOINT ["/cas-emulator"]

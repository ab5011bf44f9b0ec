# docker build -t pictor . && docker run -p 8080:8080 -e PICTOR_KEY=… -e PICTOR_SALT=… pictor
# docs/image.md says what is in it, why, and how it is updated. make image-check carries out what is written here.
FROM golang:1.26-trixie AS go

FROM debian:forky-slim AS build
# Packages are those of the day on which the image of Debian was made: its list of sources names that day's archive in a
# comment, which comes to hold. So one digest pins them all. What has a date is not refused for its age.
RUN sed -i -e '/^# http/{s/^# /URIs: /;n;d}' /etc/apt/sources.list.d/debian.sources \
 && echo 'Acquire::Check-Valid-Until "false";' >/etc/apt/apt.conf.d/80archive
# Debian packages the decoders and encoders of AVIF and HEIC apart from libheif: aomenc writes, dav1d and libde265 read.
# Debian 12, where make image-check tries this, has them in libheif. Text in an SVG needs a font.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends gcc libc6-dev pkg-config libvips-dev \
    libjpeg-dev ca-certificates fontconfig fonts-dejavu-core \
    $(apt-cache pkgnames libheif-plugin- | grep -E -e '-(aomenc|dav1d|libde265)$') \
 && rm -rf /var/lib/apt/lists/*
COPY --from=go /usr/local/go/ /usr/local/go/
ENV PATH=/usr/local/go/bin:$PATH GOTOOLCHAIN=local
WORKDIR /src
COPY . .
ARG VERSION=unknown
# The server is static. Only the worker, which the server finds beside itself, links libvips.
RUN --mount=type=cache,target=/root/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -buildvcs=false -trimpath -tags disable_grpc_modules -ldflags "-s -w -X main.version=$VERSION" \
      -o /programs/ ./cmd/pictor \
 && CGO_ENABLED=1 go build -buildvcs=false -trimpath -tags disable_grpc_modules -ldflags "-s -w -X main.version=$VERSION" \
      -o /programs/ ./cmd/pictor-worker \
 && .ci/image/collect /image /programs/pictor /programs/pictor-worker
# The cache on disk and the log of purges lie in a volume, which outlasts the container.
RUN mkdir -p /volume/state

# No shell, no package manager: programs, what they load, and what that says of itself.
FROM scratch
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /volume/ /var/lib/pictor/
ENV PATH=/usr/local/bin PICTOR_CACHE_DIR=/var/lib/pictor PICTOR_STATE_DIR=/var/lib/pictor/state
VOLUME /var/lib/pictor
# By number, so that runAsNonRoot can tell.
USER 65532:65532
EXPOSE 8080
# SIGTERM, which docker stop sends, lets requests under way finish.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/local/bin/pictor", "health"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pictor" \
      org.opencontainers.image.description="Caching image proxy" \
      org.opencontainers.image.source="https://github.com/pictor-proxy/pictor" \
      org.opencontainers.image.documentation="https://github.com/pictor-proxy/pictor/blob/main/docs/image.md" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENTRYPOINT ["/usr/local/bin/pictor"]
CMD ["serve"]

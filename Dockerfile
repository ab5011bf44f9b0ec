# docker build -t pictor . && docker run -p 8080:8080 -e PICTOR_KEY=… -e PICTOR_SALT=… pictor
FROM golang:1.26-trixie AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends pkg-config libvips-dev libjpeg-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
# The server is static; only the worker, which the server finds beside itself, links libvips.
RUN CGO_ENABLED=0 go build -trimpath -tags disable_grpc_modules -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/pictor \
 && CGO_ENABLED=1 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/pictor-worker

FROM debian:trixie-slim
# Debian 13 packages the AVIF codecs apart from libheif: aomenc writes, dav1d reads. Text in an SVG needs a font, and
# fontconfig's list of fonts, which it makes when it is installed.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libvips42t64 libheif-plugin-aomenc libheif-plugin-dav1d \
    fontconfig fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /usr/local/bin/
# The cache on disk and the log of purges; a volume there outlasts the container.
RUN install -d -o 65532 -g 65532 -m 700 /var/lib/pictor
ENV PICTOR_CACHE_DIR=/var/lib/pictor PICTOR_STATE_DIR=/var/lib/pictor/state
VOLUME /var/lib/pictor
# By number, so that runAsNonRoot can tell.
USER 65532:65532
EXPOSE 8080
# SIGTERM, which docker stop sends, lets requests under way finish.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["pictor", "health"]
ENTRYPOINT ["pictor"]
CMD ["serve"]

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// maxFallback bounds the file of a fallback image, in bytes: it stays in memory.
const maxFallback = 1 << 20

// loadFallback reads the images that are served in place of errors, and gives their bytes by their names
// as sources.
func loadFallback(cfg *config.Fallback) (f proxy.Fallback, images map[string][]byte, err error) {
	f.Status, f.TTL = cfg.FallbackStatus, cfg.FallbackTTL
	images = map[string][]byte{}
	for _, image := range []struct {
		flag, value string
		source      *string
	}{
		{"--fallback-missing", cfg.FallbackMissing, &f.Missing},
		{"--fallback-failed", cfg.FallbackFailed, &f.Failed},
		{"--fallback-undecodable", cfg.FallbackUndecodable, &f.Undecodable},
	} {
		if image.value == "" {
			image.flag, image.value = "--fallback-image", cfg.FallbackImage
		}
		if *image.source, err = fallbackSource(image.value, images); err != nil {
			return f, nil, fmt.Errorf("%s: %w", image.flag, err)
		}
	}
	return f, images, nil
}

// fallbackSource is the source of an image. The bytes of one that is no source by itself are added to images.
func fallbackSource(value string, images map[string][]byte) (string, error) {
	var b []byte
	var err error
	switch scheme, _, _ := strings.Cut(value, ":"); strings.ToLower(scheme) {
	case "":
		return "", nil
	case "http", "https", "s3", "gs", "abs", "local":
		return value, nil
	case "data":
		b, err = dataURL(value)
	default:
		b, err = config.ReadStart(value, maxFallback+1)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("the image cannot be read: %w", err)
	case len(b) > maxFallback:
		return "", fmt.Errorf("the image has more than %d bytes: make it smaller", maxFallback)
	}
	info, err := container.Sniff(b)
	if err == nil {
		const mostPixels = 10e6
		err = transform.Limits{MaxPixels: mostPixels}.CheckSource(info)
	}
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	name := hex.EncodeToString(sum[:8])
	images[name] = b
	return "fallback://" + name, nil
}

// dataURL is the content of a data: URL (RFC 2397).
func dataURL(s string) ([]byte, error) {
	head, data, ok := strings.Cut(s, ",")
	if !ok {
		return nil, fmt.Errorf("the data: URL has no comma before its data")
	}
	if !strings.HasSuffix(strings.TrimSpace(head), ";base64") {
		text, err := url.PathUnescape(data)
		return []byte(text), err
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Join(strings.Fields(data), ""), "="))
	if err != nil {
		return nil, fmt.Errorf("the data: URL is not valid base64")
	}
	return b, nil
}

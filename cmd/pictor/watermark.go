package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// maxWatermark bounds the file: it is kept for as long as the server runs,
// outside of what the plan deals out.
const maxWatermark = 1 << 20

// loadWatermark reads the configured picture, if there is one.
func loadWatermark(name string) (*proxy.Watermark, error) {
	if name == "" {
		return nil, nil
	}
	b, err := config.ReadStart(name, maxWatermark+1)
	if err != nil {
		return nil, fmt.Errorf("--watermark cannot be read: %w", err)
	}
	return newWatermark(b)
}

func newWatermark(b []byte) (*proxy.Watermark, error) {
	if len(b) > maxWatermark {
		return nil, fmt.Errorf("--watermark: the file has more than %d bytes: make it smaller", maxWatermark)
	}
	info, err := container.Sniff(b)
	if err != nil {
		return nil, fmt.Errorf("--watermark: %w", err)
	}
	if info.Format == transform.SVG {
		return nil, errors.New("--watermark: an SVG cannot be laid over images: convert it to PNG")
	}
	const mostPixels = 10e6
	if err := (transform.Limits{MaxPixels: mostPixels}).CheckSource(info); err != nil {
		return nil, fmt.Errorf("--watermark: %w", err)
	}
	info.Orientation = 1 // it is laid on as it is stored
	source, err := memfile.NewLasting()
	if err != nil {
		return nil, err
	}
	if _, err = source.Write(b); err == nil {
		err = source.Seal()
	}
	if err != nil {
		source.Close()
		return nil, err
	}
	sum := sha256.Sum256(b)
	return &proxy.Watermark{Source: source, Info: info, Version: "wm:" + hex.EncodeToString(sum[:8])}, nil
}

package main

import (
	"bytes"
	"image/color"
	"image/png"
)

// darkPixels counts the dark pixels of a PNG.
func darkPixels(b []byte) (n int, err error) {
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			if color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y < 64 {
				n++
			}
		}
	}
	return n, nil
}

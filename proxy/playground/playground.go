// Package playground has the sample images of `pictor serve --dev`, drawn by gen.go.
package playground

import (
	"embed"
	"io/fs"
)

//go:generate go run gen.go

//go:embed samples/*.jpg samples/*.gif
var samples embed.FS

// Samples holds samples/dunes.jpg, samples/harbour.jpg, samples/lights.jpg and the animation
// samples/waves.gif, to be sources under local:///samples/.
func Samples() fs.FS { return samples }

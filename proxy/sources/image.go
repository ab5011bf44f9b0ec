package sources

import (
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// ImageError is of a source that is there, and whose image cannot be processed.
type ImageError struct {
	Info transform.Info
	Err  error
}

func (e *ImageError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *ImageError) Unwrap() error { return e.Err }

// sniff reads what a source says of its image.
func sniff(data *memfile.Source) (transform.Info, error) {
	b, err := data.Bytes()
	if err != nil {
		return transform.Info{}, err
	}
	// The worker maps the pages itself: kept mapped here, they would count twice.
	defer data.Release()
	info, err := container.Sniff(b)
	if err != nil {
		err = &ImageError{info, err}
	}
	return info, err
}

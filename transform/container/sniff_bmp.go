package container

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/bitmap"
)

func sniffBMP(b []byte, info *transform.Info) error {
	m, err := bitmap.Read(b)
	describeBitmap(m, info)
	return bitmapError(err)
}

// bitmapError is the error of Sniff for one of package bitmap, with the same clause.
func bitmapError(err error) error {
	for _, kind := range [][2]error{{bitmap.ErrTruncated, transform.ErrTruncated},
		{bitmap.ErrMalformed, transform.ErrMalformed}, {bitmap.ErrUnsupported, transform.ErrUnsupported}} {
		if errors.Is(err, kind[0]) {
			return fmt.Errorf("%w: %s", kind[1], strings.TrimPrefix(err.Error(), kind[0].Error()+": "))
		}
	}
	return err
}

// describeBitmap says what Decode will give; of a bitmap that is cut only the size is known.
func describeBitmap(m *bitmap.Bitmap, info *transform.Info) {
	info.Width, info.Height = m.Width, m.Height
	info.Alpha, info.Bands = m.Alpha, m.Bands()
	if m.Profile != nil {
		info.Profile, info.AncillaryBytes = true, int64(len(m.Profile))
		info.Normalized = !profileFits(m.Profile, "RGB ")
	}
}

// Bitmap is the bitmap of a BMP or in an ICO.
func Bitmap(b []byte, info transform.Info) (*bitmap.Bitmap, error) {
	if info.Format != transform.ICO {
		m, err := bitmap.Read(b)
		return m, bitmapError(err)
	}
	icon, err := chooseIcon(b)
	if err != nil {
		return nil, err
	}
	m, err := bitmap.ReadIcon(icon.data)
	return m, bitmapError(err)
}

package container

import (
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/bitmap"
)

func sniffBMP(b []byte, info *transform.Info) error {
	m, err := bitmap.Read(b)
	describeBitmap(m, info)
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
		return bitmap.Read(b)
	}
	icon, err := chooseIcon(b)
	if err != nil {
		return nil, err
	}
	return bitmap.ReadIcon(icon.data)
}

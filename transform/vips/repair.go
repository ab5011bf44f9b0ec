package vips

import (
	"errors"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// decodable is a source as its decoder takes it: repaired where Sniff found
// that only marks are missing, and without metadata that is not needed.
type decodable struct {
	source transform.Source
	info   transform.Info
	needed container.Needed
	b      []byte
	close  func()
	tried  bool // to repair its checksums
}

func openDecodable(s transform.Source, info transform.Info, needed container.Needed) (*decodable, error) {
	d := &decodable{source: s, info: info, needed: needed, close: func() {}}
	var err error
	if info.Coding() == transform.BMP {
		if d.b, d.close, err = decodeBitmap(s, info); err != nil {
			return nil, err
		}
		return d, nil
	}
	if d.b, err = s.Bytes(); err != nil {
		return d, err
	}
	if info.Format == transform.SVG {
		return d, d.openDrawable()
	}
	r, ok := container.Decodable(d.b, info, needed)
	if !ok && info.End == 0 {
		return d, nil
	}
	if ok && len(r.Patches) == 0 {
		d.b = d.b[r.From:r.Size]
		return d, nil
	}
	defer s.Release() // the patches may lie in it
	if !ok {
		return nil, errBroken
	}
	d.b, d.close, err = s.Patched(r.From, r.Size, r.All())
	return d, err
}

// withRepair calls work with the bytes, and once more with repaired checksums if
// libvips refused those of a PNG. Whether they are right cannot be told before,
// without inflating the image. A result is delivered only after all rows were read,
// so that none is delivered twice.
func (d *decodable) withRepair(work func([]byte) error) error {
	err := work(d.b)
	if d.tried || d.info.Format != transform.PNG || d.info.End > 0 || !errors.Is(err, errBroken) {
		return err
	}
	d.tried = true
	b, failed := d.source.Bytes()
	if failed != nil {
		return failed
	}
	defer d.source.Release()
	r, ok := container.DecodablePNG(b, d.info, d.needed)
	if !ok {
		return err
	}
	d.close()
	if d.b, d.close, failed = d.source.Patched(r.From, r.Size, r.All()); failed != nil {
		d.b, d.close = nil, func() {}
		return failed
	}
	return work(d.b)
}

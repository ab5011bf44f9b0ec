package vips

import (
	"errors"

	"github.com/pictor-proxy/pictor/transform"
)

// decodable is a source as its decoder takes it: repaired where Sniff found
// that only marks are missing.
type decodable struct {
	source *transform.Source
	info   transform.Info
	b      []byte
	close  func()
	tried  bool // to repair its checksums
}

func openDecodable(s *transform.Source, info transform.Info) (*decodable, error) {
	d := &decodable{source: s, info: info, close: func() {}}
	var err error
	if d.b, err = s.Bytes(); err != nil || info.End == 0 {
		return d, err
	}
	r, ok := transform.NewRepair(d.b, info)
	s.Release()
	if !ok {
		return nil, errBroken
	}
	d.b, d.close, err = s.Repaired(r)
	return d, err
}

// try does work with the bytes. The checksums of a PNG are repaired once
// libvips refused them: whether those of the image data are right cannot be
// told without inflating it. A result is delivered only when all rows were
// read, so that none is delivered twice.
func (d *decodable) try(work func([]byte) error) error {
	err := work(d.b)
	if d.tried || d.info.Format != transform.PNG || d.info.End > 0 || !errors.Is(err, errBroken) {
		return err
	}
	d.tried = true
	r, ok := transform.NewPNGRepair(d.b, d.info)
	if !ok {
		return err
	}
	d.source.Release()
	var failed error
	if d.b, d.close, failed = d.source.Repaired(r); failed != nil {
		d.b, d.close = nil, func() {}
		return failed
	}
	return work(d.b)
}

package config

// Uploads is the setting of images that clients send.
type Uploads struct {
	AllowUploads bool `help:"Serve POST /transform/SIGNATURE/OPTIONS/upload: the image in the body, transformed and kept in no cache. Up to --max-source-size." group:"Sources" reload:"yes"`
}

// MaxUpload is how many bytes an image may have that a client sends; 0 where none may be sent.
func (s *Serve) MaxUpload() int64 {
	if !s.AllowUploads {
		return 0
	}
	return int64(s.MaxSourceSize)
}

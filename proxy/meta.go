package proxy

import (
	"encoding/json"

	"github.com/pictor-proxy/pictor/proxy/facts"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// thumborMeta is what thumbor answers to meta/.
type thumborMeta struct {
	Thumbor struct {
		Source struct {
			URL    string `json:"url"`
			Width  int    `json:"width"`
			Height int    `json:"height"`
		} `json:"source"`
		Operations []thumborOperation `json:"operations"`
		Target     struct {
			Width  int `json:"width"`
			Height int `json:"height"`
		} `json:"target"`
	} `json:"thumbor"`
}

type thumborOperation struct {
	Type   string `json:"type"`
	Left   int    `json:"left,omitempty"`
	Top    int    `json:"top,omitempty"`
	Right  int    `json:"right,omitempty"`
	Bottom int    `json:"bottom,omitempty"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
}

// imagorMeta is what imagor answers to meta/.
type imagorMeta struct {
	Format      string `json:"format"`
	ContentType string `json:"content_type"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Orientation int    `json:"orientation"`
	Pages       int    `json:"pages"`
	Bands       int    `json:"bands"`
}

// imaginaryForm is the form of imaginaryMeta.
const imaginaryForm = "imaginary"

// imaginaryMeta is what imaginary answers to info: the source as it is stored.
type imaginaryMeta struct {
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Type        string `json:"type"`
	Space       string `json:"space"`
	HasAlpha    bool   `json:"hasAlpha"`
	HasProfile  bool   `json:"hasProfile"`
	Channels    int    `json:"channels"`
	Orientation int    `json:"orientation"`
}

func tellImaginary(info transform.Info) ([]byte, error) {
	space, channels := facts.LoadedAs(info)
	return json.Marshal(imaginaryMeta{Width: info.Width, Height: info.Height, Type: info.Format.String(), Space: space,
		HasAlpha: info.Alpha, HasProfile: info.Profile, Channels: channels, Orientation: info.Orientation})
}

// imageMeta describes a source and the planned result, in the form of the request's dialect.
// No pixel is decoded for it.
func (s *Server) imageMeta(req signedurl.Request, info transform.Info) ([]byte, error) {
	if req.Meta.Form == imaginaryForm {
		return tellImaginary(info)
	}
	out, err := s.planOutput(req, info)
	if err != nil {
		return nil, err
	}
	out.Trim = transform.Trim{}
	g := transform.NewGeometry(info, out)
	if req.Meta.Form == "imagor" {
		return json.Marshal(imagorMeta{
			Format: out.Format.String(), ContentType: out.Format.MIME(), Width: g.Width, Height: g.Height,
			Orientation: info.Orientation, Pages: info.Frames, Bands: info.Bands,
		})
	}
	var m thumborMeta
	t := &m.Thumbor
	t.Source.URL = req.Source
	t.Source.Width, t.Source.Height = info.Width, info.Height
	t.Operations = []thumborOperation{}
	c := g.Crop
	if c.Width != g.ScaledWidth || c.Height != g.ScaledHeight {
		t.Operations = append(t.Operations, thumborOperation{
			Type: "crop", Left: c.Left, Top: c.Top, Right: c.Left + c.Width, Bottom: c.Top + c.Height,
		})
	}
	if g.ScaledWidth != info.Width || g.ScaledHeight != info.Height {
		t.Operations = append(t.Operations, thumborOperation{Type: "resize", Width: g.Width, Height: g.Height})
	}
	t.Target.Width, t.Target.Height = g.Width, g.Height
	return json.Marshal(m)
}

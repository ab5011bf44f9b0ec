package studio

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

// maxQuestion is the most bytes of a POST.
const maxQuestion = 64 << 10

// maxVariants is the most URLs of one question, maxWidths the most of a srcset.
const maxVariants, maxWidths = 16, 32

// groupsFrom are the first options of groups. The others follow in the order that options are declared in, so that a
// new one is in the group of the one before it.
var groupsFrom = map[string]string{
	"resize": "Size", "extend": "Crop and canvas", "auto_rotate": "Orientation", "background": "Colour",
	"blur": "Effects", "strip_metadata": "Metadata", "quality": "Format and quality",
	"disable_animation": "Animation and pages", "skip_processing": "Source unchanged",
	"preset": "Request", "max_result_dimension": "Limits",
}

// groupedOption is an option with the group that it is shown in.
type groupedOption struct {
	signedurl.Declaration
	Group string `json:"group"`
}

// describeOptions is what the controls are made from.
func (s *studio) describeOptions() ([]byte, error) {
	var options []groupedOption
	group := ""
	for _, d := range signedurl.Declarations() {
		if next, ok := groupsFrom[d.Names[0]]; ok {
			group = next
		}
		switch {
		case d.NeedsPermission && !s.cfg.Limits, d.Names[0] == "watermark" && !s.cfg.Watermark:
			continue // this server refuses them
		}
		options = append(options, groupedOption{d, group})
	}
	return json.Marshal(map[string]any{"options": options, "samples": s.cfg.Samples,
		"signs": s.cfg.Keyring != nil, "uploads": s.cfg.Uploads})
}

// question is what a page asks to have signed.
type question struct {
	Source string `json:"source"`
	// Upload is for an image that the browser sends itself; there is no source then.
	Upload   bool `json:"upload"`
	Variants []struct {
		// Options are those of a path, "w:300/f:webp".
		Options string `json:"options"`
		// Widths are those of a srcset; none for no srcset.
		Widths []int `json:"widths"`
	} `json:"variants"`
}

// signedVariant is the answer for one of the variants.
type signedVariant struct {
	// Path is signed; Plain is the part of it that the signature is of.
	Path   string `json:"path"`
	Plain  string `json:"plain"`
	SrcSet string `json:"srcset,omitempty"`
	// Error says which option is wrong.
	Error string `json:"error,omitempty"`
}

// serveSign signs what a page asks for. Wrong options are part of an answer: the others of it are good.
func (s *studio) serveSign(w http.ResponseWriter, r *http.Request) {
	var q question
	if !readQuestion(w, r, &q) {
		return
	}
	if len(q.Variants) > maxVariants {
		http.Error(w, "too many variants", http.StatusBadRequest)
		return
	}
	b := &signedurl.Builder{Keyring: s.cfg.Keyring(), Server: s.cfg.Prefix, Plain: true}
	answer := []signedVariant{}
	for _, v := range q.Variants {
		u := b.Source(q.Source)
		if q.Upload {
			u = b.Upload()
		}
		if v.Options != "" {
			u = u.Options(v.Options)
		}
		signed := signVariant(u, v.Widths)
		signed.Plain = signedPart(signed.Path, s.cfg.Prefix)
		answer = append(answer, signed)
	}
	sendJSON(w, map[string]any{"urls": answer})
}

// signVariant signs one URL, and its srcset where widths has some.
func signVariant(u signedurl.URL, widths []int) (v signedVariant) {
	path, err := u.URL()
	if err == nil && len(widths) > 0 && len(widths) <= maxWidths {
		v.SrcSet, err = u.SrcSet(widths...)
	}
	if err != nil {
		return signedVariant{Error: err.Error()}
	}
	v.Path = path
	return v
}

// signedPart is what the signature of a path is of: all that follows it.
func signedPart(path, prefix string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, prefix), "/"+signedurl.UploadMark)
	_, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return "/" + rest
}

// serveExplain tells what a URL means.
func (s *studio) serveExplain(w http.ResponseWriter, r *http.Request) {
	var q struct {
		URL string `json:"url"`
	}
	if readQuestion(w, r, &q) {
		sendJSON(w, map[string]any{"lines": s.cfg.Explain(q.URL)})
	}
}

func (s *studio) serveFigures(w http.ResponseWriter, _ *http.Request) { sendJSON(w, s.figures.get()) }

// readQuestion reads the body of a POST. Its type is one that pages of other sites cannot send unasked.
func readQuestion(w http.ResponseWriter, r *http.Request, to any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "send application/json", http.StatusUnsupportedMediaType)
		return false
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(to); err != nil {
		http.Error(w, "this is not the JSON that is asked for", http.StatusBadRequest)
		return false
	}
	return true
}

func sendJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // fails where the browser has left
}

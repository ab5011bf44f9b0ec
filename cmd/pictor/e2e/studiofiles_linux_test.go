package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// choose gives a file to the page's input for files, as the dialog of a browser does.
func (p *studioPage) choose(t *testing.T, name string, content []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var document struct{ Root struct{ NodeID int } }
	p.call("DOM.getDocument", nil, &document)
	var input struct{ NodeID int }
	p.call("DOM.querySelector", map[string]any{"nodeId": document.Root.NodeID, "selector": "#file"}, &input)
	p.call("DOM.setFileInputFiles", map[string]any{"nodeId": input.NodeID, "files": []string{file}}, nil)
}

// paste pastes a file of a type, of the bytes that an expression gives.
func (p *studioPage) paste(kind, bytes string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`(async () => { const files = new DataTransfer();
		files.items.add(new File([%s], "pasted", {type: %q}));
		dispatchEvent(new ClipboardEvent("paste", {clipboardData: files, cancelable: true})); })()`, bytes, kind), nil)
}

// uploaded waits until the preview of a file of a size is there, and gives its path.
func (p *studioPage) uploaded(t *testing.T, size string) (path string) {
	t.Helper()
	p.wait("the preview of a file", fmt.Sprintf(`document.querySelectorAll('.frame > img').length === 2 &&
		(document.querySelector('#stage').dataset.shows ?? '').includes('/transform/') &&
		document.querySelector('[data-fact=size] .value')?.textContent === %q`, size))
	p.idle()
	p.eval("document.querySelector('#stage').dataset.shows", &path)
	var text string
	if p.eval("document.querySelector('#code').textContent", &text); text != "POST "+p.server.url+path {
		t.Errorf("%q is shown for %s", text, path)
	}
	p.eval("delete document.querySelector('#stage').dataset.shows", nil) // another file has the same path
	return path
}

// failure waits for a text in place of the preview.
func (p *studioPage) failure(want string) {
	p.t.Helper()
	p.wait("the text "+want, fmt.Sprintf("document.querySelector('#stage .failure')?.textContent.includes(%q)", want))
}

// A file that is chosen or pasted is previewed, and its URL takes it; what is no image is told of.
func (p *studioPage) testFiles(t *testing.T) {
	p.open(p.server.url + "/#a=w:240/f:webp")
	p.shown()
	photo := picturetest.JPEG(picturetest.Photo(600, 400, 7), 90)
	p.choose(t, "mine.jpg", photo)
	path := p.uploaded(t, "240 × 160")
	got, err := p.server.post(path, "image/jpeg", photo)
	if err != nil || got.status != 200 || got.header.Get("Content-Type") != "image/webp" {
		t.Errorf("%s: %v, %v", path, got, err)
	}
	p.choose(t, "mine.txt", []byte("some words"))
	p.failure("No image")
	p.paste("image/png", `await new Promise((done) => Object.assign(document.createElement("canvas"),
		{width: 300, height: 300}).toBlob(done))`)
	p.uploaded(t, "240 × 240")
	p.judge("the preview of a file")
	p.paste("image/png", `"some words"`)
	p.failure("This is plain text")
}

// The studio of operators has no previews. It says so, also to a file that is pasted, and its pages are as readable.
func (p *studioPage) testOperators(t *testing.T) {
	p.call("Network.enable", nil, nil)
	p.call("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{
		"Authorization": "Basic YW55Ym9keTpzZWNyZXQ="}}, nil) // anybody:secret
	defer p.call("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{}}, nil)
	for _, width := range []int{390, 1280} {
		p.screen(width, 820, "dark")
		p.open(p.operators + "/studio/")
		p.failure("only reads")
		p.judge(fmt.Sprintf("the studio of operators at %d pixels", width))
		p.paste("image/png", `"any"`)
		p.failure("takes no files")
		p.judge("a file for operators")
	}
	var code string
	if p.eval("document.querySelector('#code').textContent", &code); !strings.Contains(code, "/w:720/") {
		t.Errorf("the code is %q", code)
	}
}

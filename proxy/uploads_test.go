package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image/png"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// uploadPath signs a path for an upload: "w:300/upload.webp".
func uploadPath(rest string) string { return "/transform/" + ring.Sign("/"+rest) + "/" + rest }

func newUploadRig(t testing.TB, change func(*Config)) *rig {
	return newRig(t, func(c *Config) {
		c.MaxUpload = 8 << 20
		if change != nil {
			change(c)
		}
	})
}

// send posts a body. One that is not a bytes.Reader is chunked.
func (r *rig) send(path string, body io.Reader, header ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.URL+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(got)
}

// formOf is a form with a file.
func formOf(t testing.TB, field string, file []byte) (kind string, body *bytes.Reader) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, "a.png")
	if err == nil {
		_, err = part.Write(file)
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), bytes.NewReader(b.Bytes())
}

// What a client sends becomes what it would from a URL, in each form of body, and is kept nowhere.
func TestUploads(t *testing.T) {
	r := newUploadRig(t, nil)
	want, fetched := r.must(r.path("rs:fill:30:20/g:we"))
	kind, form := formOf(t, "file", r.picture)
	for name, ask := range map[string]func() (*http.Response, string){
		"raw": func() (*http.Response, string) {
			return r.send(uploadPath("rs:fill:30:20/g:we/upload"), bytes.NewReader(r.picture), "Content-Type",
				"image/png")
		},
		"a form": func() (*http.Response, string) {
			return r.send(uploadPath("rs:fill:30:20/g:we/upload"), form, "Content-Type", kind)
		},
		"chunked": func() (*http.Response, string) {
			return r.send(uploadPath("rs:fill:30:20/g:we/upload"), io.MultiReader(bytes.NewReader(r.picture)))
		},
		"with conditions": func() (*http.Response, string) {
			return r.send(uploadPath("rs:fill:30:20/g:we/upload"), bytes.NewReader(r.picture), "Range", "bytes=0-1",
				"If-None-Match", "*")
		},
	} {
		before := r.painter.results.Load()
		resp, got := ask()
		h := resp.Header
		if resp.StatusCode != 200 || got != fetched || h.Get("Content-Type") != want.Header.Get("Content-Type") {
			t.Errorf("%s: %d, %d bytes of %s: %.100q", name, resp.StatusCode, len(got), h.Get("Content-Type"), got)
		}
		for field, want := range map[string]string{"Cache-Control": "no-store", "Cache-Status": "pictor; fwd=method",
			"Etag": "", "Content-Disposition": `inline; filename="picture.png"`, "Access-Control-Allow-Origin": "*"} {
			if got := h.Get(field); got != want {
				t.Errorf("%s: %s is %q", name, field, got)
			}
		}
		if r.painter.results.Load() == before {
			t.Errorf("%s: from a cache", name)
		}
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
	if st := r.cfg.Cache.Stats(); st.Fills != 1 || st.Entries > 1 {
		t.Errorf("the cache has %+v", st)
	}
	resp, got := r.send(uploadPath("w:100/fn:cat/att:1/upload.auto"), bytes.NewReader(r.picture), "Accept",
		"image/webp")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Disposition") != `attachment; filename="cat.png"` {
		t.Errorf("%d: %v: %.100q", resp.StatusCode, resp.Header, got)
	}
	if job := r.painter.last.Load(); job.Outputs[0].Format != transform.WebP {
		t.Errorf("not negotiated: %v", job.Outputs[0].Format)
	}
	if pic, err := png.Decode(strings.NewReader(got)); err != nil || pic.Bounds().Dx() != 100 {
		t.Errorf("%v", err)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	r := newUploadRig(t, func(c *Config) { c.Limits.MaxPixels = 1e6 })
	kind, form := formOf(t, "picture", r.picture)
	large := make([]byte, 8<<20+1)
	rule := "w:10/upload"
	for name, tc := range map[string]struct {
		path   string
		body   io.Reader
		header []string
		status int
		code   string
	}{
		"another signature":       {"/transform/" + ring.Sign("/x") + "/" + rule, bytes.NewReader(r.picture), nil, 403, "wrong-signature"},
		"an unsigned path":        {"/transform/unsigned/" + rule, bytes.NewReader(r.picture), nil, 403, "wrong-signature"},
		"a path with a source":    {"/transform" + r.path("w:10"), bytes.NewReader(r.picture), nil, 404, "malformed-path"},
		"a path for GET":          {r.path("w:10"), bytes.NewReader(r.picture), nil, 405, "method-not-allowed"},
		"no image path":           {"/health", bytes.NewReader(r.picture), nil, 405, "method-not-allowed"},
		"an expired path":         {uploadPath("w:10/exp:1/upload"), bytes.NewReader(r.picture), nil, 404, "expired"},
		"an unknown option":       {uploadPath("blurr:10/upload"), bytes.NewReader(r.picture), nil, 404, "unknown-option"},
		"limits of its own":       {uploadPath("msr:10/upload"), bytes.NewReader(r.picture), nil, 403, "option-not-allowed"},
		"an unknown format":       {uploadPath("w:10/upload.doc"), bytes.NewReader(r.picture), nil, 404, "bad-argument"},
		"no body":                 {uploadPath(rule), nil, nil, 400, "bad-upload"},
		"an empty chunked body":   {uploadPath(rule), io.MultiReader(), nil, 400, "bad-upload"},
		"a form without the file": {uploadPath(rule), form, []string{"Content-Type", kind}, 400, "bad-upload"},
		"a large body":            {uploadPath(rule), bytes.NewReader(large), nil, 413, "upload-too-large"},
		"a large chunked body":    {uploadPath(rule), io.MultiReader(bytes.NewReader(large)), nil, 413, "upload-too-large"},
		"a body with a coding":    {uploadPath(rule), bytes.NewReader(r.picture), []string{"Content-Encoding", "br"}, 415, "unsupported-type"},
		"another kind of parts":   {uploadPath(rule), bytes.NewReader(r.picture), []string{"Content-Type", "multipart/mixed"}, 415, "unsupported-type"},
		"a web page":              {uploadPath(rule), strings.NewReader("<!doctype html><title>x</title>"), nil, 415, "unsupported-type"},
		"a truncated image":       {uploadPath(rule), bytes.NewReader(r.picture[:len(r.picture)/2]), nil, 422, "truncated"},
		"too many pixels":         {uploadPath(rule), bytes.NewReader(gray(2000, 1000)), nil, 422, "over-limit"},
	} {
		resp, got := r.send(tc.path, tc.body, tc.header...)
		if resp.StatusCode != tc.status || !strings.HasPrefix(got, tc.code+": ") ||
			resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q %v", name, resp.StatusCode, got, resp.Header)
		}
		if allow := resp.Header.Get("Allow"); (allow != "") != (tc.status == 405) {
			t.Errorf("%s: Allow is %q", name, allow)
		}
	}
	resp, got := r.must(uploadPath(rule))
	if resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
		t.Errorf("a GET: %d %q %v", resp.StatusCode, got, resp.Header)
	}
	off := newRig(t, nil)
	resp, got = off.send(uploadPath(rule), bytes.NewReader(off.picture))
	if resp.StatusCode != 405 || !strings.HasPrefix(got, "method-not-allowed: ") || resp.Header.Get("Allow") == "" {
		t.Errorf("where there are no uploads: %d %q %v", resp.StatusCode, got, resp.Header)
	}
}

func TestUploadsBehindAPrefixAndWithoutKeys(t *testing.T) {
	r := newUploadRig(t, func(c *Config) {
		c.PathPrefix = "/images"
		c.Keyring, _ = signedurl.New(signedurl.Config{Insecure: true})
	})
	for path, status := range map[string]int{"/images/transform/_/w:10/upload": 200, "/transform/_/w:10/upload": 405} {
		if resp, got := r.send(path, bytes.NewReader(r.picture)); resp.StatusCode != status {
			t.Errorf("%s: %d %.100q", path, resp.StatusCode, got)
		}
	}
	// Any word is a signature there, so that only a path that has no other meaning is one of an upload.
	if resp, got := r.must("/images/transform/w:10/plain/" + r.site.URL + "/a.png"); resp.StatusCode != 200 {
		t.Errorf("%d %.100q", resp.StatusCode, got)
	}
}

// A connection on which all of a body came is used again, and a client that expects 100 (Continue) sends nothing that
// is not wanted.
func TestUploadsOnAConnection(t *testing.T) {
	r := newUploadRig(t, nil)
	reused := 0
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if i.Reused {
				reused++
			}
		}})
	for range 5 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+uploadPath("w:10/upload"),
			bytes.NewReader(r.picture))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.Client().Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	if reused != 4 {
		t.Errorf("the connection was used again %d times", reused)
	}
	for length, want := range map[int]string{len(r.picture): "HTTP/1.1 100 Continue", 9 << 20: "HTTP/1.1 413 "} {
		c := r.dial()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
			uploadPath("w:10/upload"), length)
		from := bufio.NewReader(c)
		line, err := from.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("%d bytes: %q, %v", length, line, err)
		}
		if length == len(r.picture) {
			_, _ = from.ReadString('\n')
			_, _ = c.Write(r.picture)
			if resp, err := http.ReadResponse(from, nil); err != nil || resp.StatusCode != 200 {
				t.Errorf("after 100: %v, %v", resp, err)
			}
		} else if _, err := io.Copy(io.Discard, from); err != nil {
			t.Errorf("the connection does not end: %v", err)
		}
	}
}

// begin sends the header of an upload and a part of its body, and waits until that is there.
func (r *rig) begin(length, sent int) net.Conn {
	r.t.Helper()
	inUse := r.server.memory.Budgets.Uploads.Stats().InUse
	c := r.dial()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", uploadPath("w:10/upload"), length)
	_, _ = c.Write(picturetest.PNG(picturetest.Chart(400, 300))[:sent])
	r.until("its memory is admitted", func() bool { return r.server.memory.Budgets.Uploads.Stats().InUse > inUse })
	return c
}

// A client that leaves frees its memory at once, whatever the server is at.
func TestUploadsOfClientsThatLeave(t *testing.T) {
	r := newUploadRig(t, nil)
	freed := func() bool {
		b := r.server.memory.Budgets
		return b.Uploads.Stats().InUse+b.Sources.Stats().InUse+b.Transforms.Stats().InUse == 0
	}
	r.begin(4<<20, 100).Close()
	r.until("the body is freed", freed)
	started := make(chan struct{})
	r.painter.fail = func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	}
	c := r.dial()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", uploadPath("w:10/upload"),
		len(r.picture), r.picture)
	<-started
	c.Close()
	r.until("the job is ended", freed)
}

// However much clients announce that send nothing, others are served: from URLs at once, as there are bytes left for
// sources, and uploads when the slowest was cut off.
func TestSlowUploadsHoldNoOthers(t *testing.T) {
	r := newUploadRig(t, nil) // 16 MiB for sources
	var slowest []net.Conn
	for range 8 {
		slowest = append(slowest, r.begin(1<<20, 10))
	}
	if resp, got := r.must(r.path("w:20")); resp.StatusCode != 200 {
		t.Errorf("a URL: %d %.100q", resp.StatusCode, got)
	}
	if n := r.server.memory.Uploads.Cuts(); n != 0 {
		t.Errorf("%d were cut off for nobody", n)
	}
	if resp, got := r.send(uploadPath("w:20/upload"), bytes.NewReader(r.picture)); resp.StatusCode != 200 {
		t.Errorf("an upload: %d %.100q", resp.StatusCode, got)
	}
	if n := r.server.memory.Uploads.Cuts(); n != 1 {
		t.Errorf("%d were cut off", n)
	}
	answered := 0
	for _, c := range slowest {
		c.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		switch {
		case resp.StatusCode == 503 && bytes.HasPrefix(got, []byte("shed: ")) && resp.Header.Get("Retry-After") != "":
			answered++
		case resp.StatusCode != 400 || !bytes.HasPrefix(got, []byte("bad-upload: ")):
			t.Errorf("%d %s", resp.StatusCode, got)
		}
	}
	if answered != 1 {
		t.Errorf("%d got a 503", answered)
	}
}

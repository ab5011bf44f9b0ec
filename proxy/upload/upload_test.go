package upload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// noDeadline is for bodies without a connection.
func noDeadline(time.Time) error { return nil }

// request is one with a body, of a length that is announced or not.
func request(kind string, body io.Reader, announced int64) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ContentLength = announced
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

// receive reads a body, and gives what it is of and the bytes that were admitted.
func receive(r *http.Request, most int64) (got []byte, admitted []int64, err error) {
	b, err := Open(r, noDeadline, Limits{Bytes: most, Deadline: time.Now().Add(time.Hour)})
	if err != nil {
		return nil, nil, err
	}
	var to bytes.Buffer
	size, err := b.CopyTo(&to, func(n int64) error { admitted = append(admitted, n); return nil }, func() {})
	if err == nil && size != int64(to.Len()) {
		err = fmt.Errorf("%d bytes were written, not %d", to.Len(), size)
	}
	return to.Bytes(), admitted, err
}

// form is a form with these fields, of which "file" is the file.
func form(t testing.TB, fields ...string) (kind string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		part, err := w.CreateFormFile(fields[i], "a.jpg")
		if err == nil {
			_, err = io.WriteString(part, fields[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func TestRawBodies(t *testing.T) {
	image := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	for name, tc := range map[string]struct {
		kind, body string
		announced  int64
		admitted   string
		want       error
	}{
		"announced":          {"image/jpeg", image, 2 << 20, "[2097152]", nil},
		"without a type":     {"", "x", 1, "[1]", nil},
		"with curl's type":   {"application/x-www-form-urlencoded", "x", 1, "[1]", nil},
		"with a broken type": {"image/", "x", 1, "[1]", nil},
		"chunked":            {"", "x", -1, "[4194304]", nil},
		"chunked and long":   {"", image + image + image, -1, "[4194304 4194304]", nil},
		"chunked too long":   {"", strings.Repeat(image, 6), -1, "[4194304 4194304 2097152]", ErrTooLarge},
		"as long as it may":  {"", strings.Repeat(image, 5), 10 << 20, "[10485760]", nil},
		"announced too long": {"", "", 10<<20 + 1, "[]", ErrTooLarge},
		"without any":        {"", "", 0, "[]", ErrBad},
		"chunked and empty":  {"", "", -1, "[4194304]", ErrBad},
	} {
		got, admitted, err := receive(request(tc.kind, strings.NewReader(tc.body), tc.announced), 10<<20)
		if !errors.Is(err, tc.want) || fmt.Sprint(admitted) != tc.admitted || err == nil && string(got) != tc.body {
			t.Errorf("%s: %d bytes, admitted %v, %v", name, len(got), admitted, err)
		}
	}
	r := request("", strings.NewReader("x"), 1)
	r.Header.Set("Content-Encoding", "gzip")
	if _, _, err := receive(r, 10); !errors.Is(err, ErrUnsupported) {
		t.Errorf("with a coding: %v", err)
	}
	r.Header.Set("Content-Encoding", "identity")
	if _, _, err := receive(r, 10); err != nil {
		t.Errorf("as it is: %v", err)
	}
}

func TestForms(t *testing.T) {
	const most = 1 << 20
	long := strings.Repeat("x", 30<<10)
	for name, tc := range map[string]struct {
		fields []string
		want   error
	}{
		"a file":                {[]string{"file", "image"}, nil},
		"among others":          {[]string{"a", "1", "file", "image", "b", long}, nil},
		"a long one":            {[]string{"file", strings.Repeat("y", most)}, nil},
		"one that is too long":  {[]string{"file", strings.Repeat("y", most+1)}, ErrTooLarge},
		"none":                  {[]string{"a", "1"}, ErrBad},
		"an empty one":          {[]string{"file", ""}, ErrBad},
		"two":                   {[]string{"file", "image", "file", "image"}, ErrBad},
		"much beside it":        {[]string{"a", long, "b", long, "c", long, "file", "image"}, ErrBad},
		"much behind it":        {[]string{"file", "image", "a", long, "b", long, "c", long}, ErrBad},
		"many fields beside it": {append(strings.Split(strings.Repeat("a,1,", maxParts), ",")[:2*maxParts], "file", "i"), ErrBad},
	} {
		kind, body := form(t, tc.fields...)
		for _, announced := range []int64{int64(len(body)), -1} {
			got, admitted, err := receive(request(kind, bytes.NewReader(body), announced), most)
			if !errors.Is(err, tc.want) || err == nil && !bytes.Contains(body, got) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
			if announced > 0 && err == nil && fmt.Sprint(admitted) != fmt.Sprint([]int64{announced}) {
				t.Errorf("%s: %v were admitted of %d", name, admitted, announced)
			}
		}
	}
}

// A form that is no form costs no more memory than its header may have.
func TestBrokenForms(t *testing.T) {
	kind, whole := form(t, "file", "image")
	header := "Content-Disposition: form-data; name=file\r\n"
	encoded := "--b\r\n" + header + "Content-Transfer-Encoding: base64\r\n\r\naW1hZ2U=\r\n--b--\r\n"
	for name, tc := range map[string]struct {
		kind, body string
		want       error
	}{
		"cut off":             {kind, string(whole[:len(whole)-20]), ErrBad},
		"cut off in the file": {kind, string(whole[:bytes.Index(whole, []byte("image"))+9]), ErrBad},
		"another boundary":    {"multipart/form-data; boundary=b", string(whole), ErrBad},
		"no boundary":         {"multipart/form-data", string(whole), ErrBad},
		"a long boundary":     {"multipart/form-data; boundary=" + strings.Repeat("b", 71), string(whole), ErrBad},
		"a broken type":       {"multipart/form-data; boundary", string(whole), ErrBad},
		"another kind":        {"multipart/mixed; boundary=b", string(whole), ErrUnsupported},
		"an encoded file":     {"multipart/form-data; boundary=b", encoded, ErrUnsupported},
		"endless headers": {"multipart/form-data; boundary=b",
			"--b\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 500), ErrBad},
		"endless names": {"multipart/form-data; boundary=b", "--b\r\nX: " + strings.Repeat("x", 500<<10), ErrBad},
		"no line":       {"multipart/form-data; boundary=b", strings.Repeat("x", 500<<10), ErrBad},
		"lines":         {"multipart/form-data; boundary=b", strings.Repeat("x\r\n", 100<<10), ErrBad},
		"much at the end": {"multipart/form-data; boundary=b",
			"--b\r\n" + header + "\r\nimage\r\n--b--\r\n" + strings.Repeat("x", 500<<10), ErrBad},
	} {
		read := &counted{from: strings.NewReader(tc.body)}
		_, _, err := receive(request(tc.kind, read, -1), 1<<20)
		if !errors.Is(err, tc.want) || read.n > maxBeside+64<<10 {
			t.Errorf("%s: %v, after %d bytes", name, err, read.n)
		}
	}
}

type counted struct {
	from io.Reader
	n    int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n += n
	return n, err
}

// What the caller says is passed on, and so is what the place says that the image is written to.
func TestErrorsOfTheCaller(t *testing.T) {
	kind, whole := form(t, "file", "image")
	full := errors.New("full")
	for _, r := range []func() *http.Request{
		func() *http.Request { return request(kind, bytes.NewReader(whole), int64(len(whole))) },
		func() *http.Request { return request("", strings.NewReader("image"), 5) },
	} {
		b, err := Open(r(), noDeadline, Limits{Bytes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		begins := func() { t.Error("the body is read") }
		if _, err := b.CopyTo(io.Discard, func(int64) error { return full }, begins); err != full {
			t.Errorf("no room: %v", err)
		}
		if b, err = Open(r(), noDeadline, Limits{Bytes: 1000, Deadline: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		reader, to := io.Pipe()
		reader.CloseWithError(full)
		if _, err := b.CopyTo(to, func(int64) error { return nil }, func() {}); err != full {
			t.Errorf("no place: %v", err)
		}
	}
}

func FuzzCopyTo(f *testing.F) {
	kind, whole := form(f, "a", "1", "file", "image")
	f.Add(kind, whole)
	f.Add("multipart/form-data; boundary=b",
		[]byte("--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--"))
	f.Add("image/jpeg", []byte("x"))
	f.Add("multipart/form-data; boundary=\"a b\"", []byte("--a b\r\n\r\n"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		const most = 100
		read := &counted{from: bytes.NewReader(body)}
		r := request("", read, -1)
		r.Header["Content-Type"] = []string{textproto.TrimString(kind)}
		b, err := Open(r, noDeadline, Limits{Bytes: most, Deadline: time.Now().Add(time.Hour)})
		if err != nil {
			return
		}
		var got bytes.Buffer
		size, err := b.CopyTo(&got, func(int64) error { return nil }, func() {})
		switch {
		case err != nil:
		case size == 0, size > most, size != int64(got.Len()), read.n != len(body), !bytes.Contains(body, got.Bytes()):
			t.Fatalf("%q of %q, after %d bytes", got.Bytes(), body, read.n)
		}
	})
}

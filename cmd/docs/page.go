//go:build cgo

package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pictor-proxy/pictor/proxy/signedurl"
	"github.com/pictor-proxy/pictor/transform"
)

// head is what the page begins with.
const head = `# Options

Made by ` + "`make docs`" + ` from the options themselves.

An option is written ` + "`name:argument:argument`" + `, by its long or its short name, in any order; of two of one name the later
one counts. Names and arguments are imgproxy's, and so is what they do; brightness to monochrome, ` + "`background_alpha`, `crop_aspect_ratio`" + `
and the encoders' options follow what its documentation says of the paid edition. ` + "`round_corners` and `mask`" + ` are pictor's own. An empty
argument leaves its part as it is. A switch is ` + "`1` or `0`" + `, also ` + "`t`, `true`, `f`, `false`" + `. Anything else that an option does not take is a
404 that names it.

The steps, in their order: trim, decode (reduced as far as the decoder can), colours to sRGB, crop, resize, crop to the asked size,
turn and mirror, contrast and brightness, saturation and monochrome, blur, sharpen, pixelate, extend, padding, background,
watermark, corners and mask, metadata, encode. Alpha is multiplied in before pixels are mixed and divided out after it.
Results are never larger than their format holds: they are made smaller.

Where nothing is asked that changes the picture, and the result would have more bytes than its source, the source's own bytes
are served, without the metadata that is not to be kept.

The sample, as it is with ` + "`w:160`" + `:

![the sample](options/sample.webp)

`

// build makes every file, by its path from the repository's root, which lies at root.
func build(root string) (map[string][]byte, error) {
	b, err := newBench(root)
	if err != nil {
		return nil, err
	}
	defer b.close()
	files := map[string][]byte{}
	if files["docs/options/sample.webp"], err = b.picture("sample", "w:160/f:webp"); err != nil {
		return nil, err
	}
	var page bytes.Buffer
	page.WriteString(head)
	options := signedurl.Options()
	contents(&page, options)
	for _, u := range options {
		section(&page, u)
		if u.Example == "" {
			continue
		}
		ext := "webp"
		if strings.Contains(u.Example, "f:png") {
			ext = "png"
		}
		name := "options/" + u.Names[0] + "." + ext
		picture, err := b.picture(u.Names[0], u.Example+"/f:"+ext)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.Names[0], err)
		}
		files["docs/"+name] = picture
		info, err := transform.Sniff(picture)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&page, "`%s` (%d×%d, %d bytes)\n\n![%s](%s)\n\n", u.Example, info.Width, info.Height, len(picture), u.Names[0], name)
	}
	files["docs/options.md"] = bytes.TrimSuffix(page.Bytes(), []byte("\n"))
	return files, nil
}

// contents is the table of all options.
func contents(page *bytes.Buffer, options []transform.Usage) {
	page.WriteString("| option | short | arguments | default |\n|---|---|---|---|\n")
	for _, u := range options {
		short := ""
		if len(u.Names) > 1 {
			short = "`" + strings.Join(u.Names[1:], "`, `") + "`"
		}
		fmt.Fprintf(page, "| [`%s`](#%s) | %s | `%s` | %s |\n", u.Names[0], u.Names[0], short, u.Args, u.Default)
	}
	page.WriteString("\n")
}

func section(page *bytes.Buffer, u transform.Usage) {
	fmt.Fprintf(page, "## %s\n\n", u.Names[0])
	fmt.Fprintf(page, "`%s:%s`", u.Short(), u.Args)
	if u.Default != "" {
		fmt.Fprintf(page, ", by default %s", u.Default)
	}
	fmt.Fprintf(page, ". %s\n\n", u.Text)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
	"github.com/pictor-proxy/pictor/transform"
)

// Through whatever layers a local source is looked up, nothing is opened that
// is no regular file: to open a FIFO would hold a thread until somebody writes.
func TestLocalLayersOpenRegularFilesAlone(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("file"), []byte("picture"), 0o600), os.Mkdir(at("dir"), 0o700), os.Mkdir(at("samples"), 0o700),
		os.Symlink("file", at("link")), os.Symlink("fifo", at("link-fifo")),
		syscall.Mkfifo(at("fifo"), 0o600), syscall.Mkfifo(at("dir/fifo"), 0o600), syscall.Mkfifo(at("samples/fifo"), 0o600),
		syscall.Mkfifo(at("samples/dunes.jpg"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, cfg := range map[string]config.Serve{
		"root": {LocalRoot: dir}, "root below the samples": {LocalRoot: dir, Dev: true}, "samples": {Dev: true},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := localFiles(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			f, err := origin.New(origin.Config{Local: files})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for source, is := range map[string]bool{
				"file": cfg.LocalRoot != "", "link": cfg.LocalRoot != "", "samples/dunes.jpg": cfg.Dev,
				"fifo": false, "link-fifo": false, "dir/fifo": false, "samples/fifo": false,
				"dir": false, "samples": false, "nothing": false,
			} {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				_, err := f.Fetch(ctx, "local:///"+source, &bytes.Buffer{}, nil)
				cancel()
				if is && err != nil || !is && !errors.Is(err, origin.ErrNotFound) {
					t.Errorf("%s: %v", source, err)
				}
			}
		})
	}
}

func TestFormatAccess(t *testing.T) {
	set := func(list ...transform.Format) transform.FormatSet { return transform.FormatSetOf(list) }
	jpgPNG := set(transform.JPEG, transform.PNG)
	for entries, want := range map[string]transform.FormatAccess{
		"":                         transform.AllFormats(),
		"jpg png":                  {Read: jpgPNG, Write: jpgPNG},
		"JPEG png gif:in avif:out": {Read: jpgPNG | set(transform.GIF), Write: jpgPNG | set(transform.AVIF)},
	} {
		if got, err := formatAccess(strings.Fields(entries)); err != nil || got != want {
			t.Errorf("%q: %+v, %v", entries, got, err)
		}
	}
	for entries, want := range map[string]string{
		"jpg png psd":        `--formats has "psd": write names`,
		"jpg png gif:both":   `--formats has "gif:both": write names`,
		"jpg:out png:out":    "--formats has nothing to read",
		"jpg png:in":         "--formats must have jpg and png to write",
		"jpg png gif: webp:": `--formats has "gif:": write names`,
	} {
		if _, err := formatAccess(strings.Fields(entries)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", entries, err, want)
		}
	}
}

// explain names the rule that refuses a path without a signature.
func TestExplainOfAnUnsignedPath(t *testing.T) {
	cmd := explainCmd{}
	cmd.Unsigned = config.Unsigned{Unsigned: true, UnsignedSources: "*.example.com", UnsignedWidths: "320"}
	e, err := cmd.newExplainer()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/unsigned/w:320/plain/https://a.example.com/x.jpg": "ok",
		"/unsigned/w:321/plain/https://a.example.com/x.jpg": "unsigned",
	} {
		if v := e.verdictOn(path); v.code != want || v.unsigned == "" ||
			want != "ok" && !strings.Contains(v.err.Error(), "--unsigned-widths") {
			t.Errorf("%s: %+v", path, v)
		}
	}
}

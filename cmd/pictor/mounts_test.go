package main

import (
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/signedurl"
)

func TestMountsOf(t *testing.T) {
	on := config.Nextjs{Nextjs: true, NextjsPath: "/_next/image", NextjsRemotePatterns: "*.example.com"}
	for _, tc := range []struct {
		change func(*config.URLs)
		want   string // of the error; "" for none
	}{
		{func(*config.URLs) {}, ""},
		{func(u *config.URLs) { u.NextjsFormats = "png" }, `--nextjs-formats has "png"`},
		{func(u *config.URLs) { u.NextjsDeviceSizes = "0" }, "width 0"},
		{func(u *config.URLs) { u.NextjsQualities = "0" }, "quality 0"},
		{func(u *config.URLs) { u.NextjsRemotePatterns = "ftp://a" }, "--nextjs-remote-patterns"},
		{func(u *config.URLs) { u.NextjsPath = "/" }, `"/"`},
		{func(u *config.URLs) { u.NextjsPath = "/thumbor/img"; u.ThumborUnsafe = true }, "taken"},
		{func(u *config.URLs) { u.NextjsPath = "/health/img" }, "taken"},
		{func(u *config.URLs) { u.PathPrefix = "/_next" }, ""},
	} {
		u := config.URLs{Nextjs: on, Thumbor: config.Thumbor{ThumborPath: "/thumbor/"}}
		tc.change(&u)
		mounts, err := mountsOf(&u, "")
		if tc.want == "" && (err != nil || len(mounts) != 1 || len(mounts[0].Sources) != 1) ||
			tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%+v, %v, want %q", mounts, err, tc.want)
		}
	}
}

// explain reads the URLs of mounts, too, and names what is wrong with them.
func TestExplainOfAMount(t *testing.T) {
	u := config.URLs{Nextjs: config.Nextjs{Nextjs: true, NextjsPath: "/_next/image",
		NextjsBaseURL: "https://www.example.com/"}}
	mounts, err := mountsOf(&u, u.NextjsBaseURL)
	if err != nil {
		t.Fatal(err)
	}
	e := &explainer{dialect: &signedurl.Dialect{}, mounts: mounts}
	for target, want := range map[string]string{
		"https://www.example.com/_next/image?url=%2Fa.jpg&w=640&q=75": "ok",
		"/_next/image?url=%2Fa.jpg&w=641&q=75":                        "bad-argument",
		"/_next/image/x?url=%2Fa.jpg&w=640&q=75":                      "malformed-path",
	} {
		v := e.verdictOn(target)
		if v.code != want || v.unsigned == "" || want == "ok" && v.req.Source != "https://www.example.com/a.jpg" {
			t.Errorf("%s: %+v", target, v)
		}
	}
}

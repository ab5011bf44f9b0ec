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
		mounts, err := mountsOf(mountSettings{urls: &u})
		if tc.want == "" && (err != nil || len(mounts) != 1 || len(mounts[0].Sources) != 1) ||
			tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%+v, %v, want %q", mounts, err, tc.want)
		}
	}
}

// The URLs of Cloudflare are bounded by the lists of unsigned paths, unless the server is open anyway.
func TestCloudflareMount(t *testing.T) {
	u := config.URLs{Unsigned: config.Unsigned{CloudflarePath: "/cdn-cgi/image", UnsignedSources: "*.example.com",
		UnsignedWidths: "320"}}
	for _, insecure := range []bool{false, true} {
		mounts, err := mountsOf(mountSettings{urls: &u, insecure: insecure})
		if err != nil || len(mounts) != 1 || mounts[0].Prefix != "/cdn-cgi/image/" {
			t.Fatalf("%+v, %v", mounts, err)
		}
		if (mounts[0].Sources == nil) != insecure {
			t.Errorf("insecure %v: sources %v", insecure, mounts[0].Sources)
		}
		fetcher, err := (&explainSources{}).fetcher()
		if err != nil {
			t.Fatal(err)
		}
		e := &explainer{dialect: &signedurl.Dialect{}, mounts: mounts, sources: fetcher}
		for options, code := range map[string]string{"w=320": "ok", "w=321": "unsigned", "w=320,blur=5": "unsigned"} {
			if insecure {
				code = "ok"
			}
			v := e.verdictOn("https://x/cdn-cgi/image/" + options + "/https://a.example.com/b.jpg?v=1")
			if v.code != code || code == "ok" && v.req.Source != "https://a.example.com/b.jpg?v=1" {
				t.Errorf("insecure %v, %s: %+v", insecure, options, v)
			}
		}
	}
	u.UnsignedSources = ""
	if mounts, err := mountsOf(mountSettings{urls: &u}); err != nil || mounts[0].Sources == nil {
		t.Errorf("without a list every source is allowed: %v", err)
	}
	u.UnsignedWidths = "wide"
	if _, err := mountsOf(mountSettings{urls: &u}); err == nil {
		t.Error("a wrong list passed")
	}
}

// explain reads the URLs of mounts, too, and names what is wrong with them.
func TestExplainOfAMount(t *testing.T) {
	u := config.URLs{Nextjs: config.Nextjs{Nextjs: true, NextjsPath: "/_next/image",
		NextjsBaseURL: "https://www.example.com/"}}
	mounts, err := mountsOf(mountSettings{urls: &u, nextjsBase: u.NextjsBaseURL})
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := (&explainSources{}).fetcher()
	if err != nil {
		t.Fatal(err)
	}
	e := &explainer{dialect: &signedurl.Dialect{}, mounts: mounts, sources: fetcher}
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

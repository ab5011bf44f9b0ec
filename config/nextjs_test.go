package config

import (
	"slices"
	"strings"
	"testing"
)

func TestNextjsSettings(t *testing.T) {
	on := Nextjs{Nextjs: true, NextjsPath: "_next/image/", NextjsFormats: "image/avif, webp", NextjsImageSizes: "16,32",
		NextjsBaseURL: "https://www.example.com/", NextjsLocalPatterns: "/assets/,/a.jpg"}
	if err := on.validate(); err != nil {
		t.Error(err)
	}
	device, image, err := on.NextjsWidths()
	if device != nil || !slices.Equal(image, []int{16, 32}) || err != nil || on.NextjsRoot() != "/_next/image" ||
		!slices.Equal(on.NextjsFormatNames(), []string{"avif", "webp"}) || !on.NextjsAttachment() {
		t.Errorf("%v, %v, %v, %s, %v", device, image, err, on.NextjsRoot(), on.NextjsFormatNames())
	}
	for _, tc := range []struct {
		change func(*Nextjs)
		want   string
	}{
		{func(n *Nextjs) { n.Nextjs = false }, "has no effect without --nextjs"},
		{func(n *Nextjs) { n.NextjsDeviceSizes = "640px" }, "--nextjs-device-sizes"},
		{func(n *Nextjs) { n.NextjsImageSizes = "-1" }, "--nextjs-image-sizes"},
		{func(n *Nextjs) { n.NextjsQualities = "101" }, "--nextjs-qualities"},
		{func(n *Nextjs) { n.NextjsBaseURL = "https://www.example.com" }, "--nextjs-base-url"},
		{func(n *Nextjs) { n.NextjsLocalPatterns = "assets/" }, "--nextjs-local-patterns"},
		{func(n *Nextjs) { n.NextjsMinimumCacheTTL = -1 }, "--nextjs-minimum-cache-ttl"},
		{func(n *Nextjs) { n.NextjsContentDispositionType = "save" }, "--nextjs-content-disposition-type"},
	} {
		n := on
		tc.change(&n)
		if err := n.validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %s", err, tc.want)
		}
	}
	c := Serve{URLs: URLs{Unsigned: Unsigned{CloudflarePath: "cdn-cgi/image"}}}
	if c.checkMounts() == nil || c.CloudflareRoot() != "/cdn-cgi/image/" || c.URLs.Unsigned.validate() != nil {
		t.Error("URLs of Cloudflare without sources passed")
	}
	if c.Insecure = true; c.checkMounts() != nil {
		t.Error("--insecure needs no sources")
	}
	s := Serve{URLs: URLs{Nextjs: Nextjs{Nextjs: true}}}
	if s.checkMounts() == nil {
		t.Error("a server without sources for its URLs passed")
	}
	if s.BaseURL = "https://www.example.com/"; s.checkMounts() != nil || s.NextjsBase() != s.BaseURL {
		t.Error("--base-url does not count")
	}
}

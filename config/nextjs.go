package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Nextjs are the settings of the image URLs of Next.js, named after those of images in its
// next.config.js. A list is empty where it was not set.
type Nextjs struct {
	Nextjs                       bool          `help:"Serve the image URLs of Next.js (/_next/image?url=…). They have no signature: the lists of the other --nextjs settings bound them." group:"Next.js" reload:"yes"`
	NextjsPath                   string        `help:"Where these URLs are. --path-prefix does not apply." default:"/_next/image" placeholder:"/_next/image" group:"Next.js" reload:"yes"`
	NextjsBaseURL                string        `name:"nextjs-base-url" help:"Folder that sources which begin with a slash are in, such as https://www.example.com/. Default: --base-url." placeholder:"URL/" group:"Next.js" reload:"yes"`
	NextjsLocalPatterns          string        `help:"Paths in that folder which may be sources: /assets/ with all in it, /a.jpg. Default: all." placeholder:"PATH,..." group:"Next.js" reload:"yes"`
	NextjsRemotePatterns         string        `help:"Sources elsewhere, as in --allow-sources. Default: none." placeholder:"RULE,..." group:"Next.js" reload:"yes"`
	NextjsDeviceSizes            string        `help:"Widths in pixels. Default: 640,750,828,1080,1200,1920,2048,3840." placeholder:"N,..." group:"Next.js" reload:"yes"`
	NextjsImageSizes             string        `help:"More widths in pixels. Default: 16,32,48,64,96,128,256,384." placeholder:"N,..." group:"Next.js" reload:"yes"`
	NextjsQualities              string        `help:"Qualities. Default: 75." placeholder:"N,..." group:"Next.js" reload:"yes"`
	NextjsFormats                string        `help:"Formats to negotiate by the Accept header, best first, of avif, webp and jxl. Default: webp." placeholder:"FORMAT,..." group:"Next.js" reload:"yes"`
	NextjsMinimumCacheTTL        time.Duration `name:"nextjs-minimum-cache-ttl" help:"Shortest time for which such a result is fresh. 0: as other results." default:"0" group:"Next.js" reload:"yes"`
	NextjsDangerouslyAllowSVG    bool          `name:"nextjs-dangerously-allow-svg" help:"Take an SVG for a source, too. Unlike in Next.js, the result is pixels." group:"Next.js" reload:"yes"`
	NextjsContentDispositionType string        `help:"What browsers do with such an image that is opened by itself: attachment or inline." default:"attachment" placeholder:"attachment" group:"Next.js" reload:"yes"`
}

// NextjsRoot is NextjsPath with a slash before it and none behind.
func (n *Nextjs) NextjsRoot() string { return "/" + strings.Trim(n.NextjsPath, "/") }

// NextjsWidths are the lists of widths, each nil where it was not set, and NextjsQualityList that of
// qualities.
func (n *Nextjs) NextjsWidths() (device, image []int, err error) {
	device, err = numbers("--nextjs-device-sizes", n.NextjsDeviceSizes, maxSide)
	if err != nil {
		return nil, nil, err
	}
	image, err = numbers("--nextjs-image-sizes", n.NextjsImageSizes, maxSide)
	return device, image, err
}

// NextjsQualityList are the qualities.
func (n *Nextjs) NextjsQualityList() ([]int, error) {
	if n.NextjsQualities == "" {
		return []int{75}, nil
	}
	return numbers("--nextjs-qualities", n.NextjsQualities, 100)
}

// NextjsFormatNames are those of NextjsFormats, without the image/ of media types.
func (n *Nextjs) NextjsFormatNames() []string {
	if n.NextjsFormats == "" {
		return []string{"webp"}
	}
	var names []string
	for _, name := range splitList(n.NextjsFormats) {
		names = append(names, strings.TrimPrefix(name, "image/"))
	}
	return names
}

// NextjsLocalPaths are those of NextjsLocalPatterns, "/" where it was not set.
func (n *Nextjs) NextjsLocalPaths() []string {
	if n.NextjsLocalPatterns == "" {
		return []string{"/"}
	}
	return splitList(n.NextjsLocalPatterns)
}

// NextjsRemoteRules are those of NextjsRemotePatterns.
func (n *Nextjs) NextjsRemoteRules() []string { return splitList(n.NextjsRemotePatterns) }

// NextjsAttachment says that browsers save an image.
func (n *Nextjs) NextjsAttachment() bool { return n.NextjsContentDispositionType != "inline" }

// validate joins what is wrong with the settings.
func (n *Nextjs) validate() error {
	_, _, sizes := n.NextjsWidths()
	_, qualities := n.NextjsQualityList()
	problems := []error{sizes, qualities}
	lists := n.NextjsBaseURL + n.NextjsLocalPatterns + n.NextjsRemotePatterns + n.NextjsDeviceSizes +
		n.NextjsImageSizes + n.NextjsQualities + n.NextjsFormats
	if !n.Nextjs && (lists != "" || n.NextjsDangerouslyAllowSVG) {
		problems = append(problems, errors.New("a --nextjs setting has no effect without --nextjs"))
	}
	if n.NextjsBaseURL != "" && !strings.HasSuffix(n.NextjsBaseURL, "/") {
		problems = append(problems, fmt.Errorf("--nextjs-base-url is %q: it must end with a slash", n.NextjsBaseURL))
	}
	for _, path := range n.NextjsLocalPaths() {
		if !strings.HasPrefix(path, "/") {
			problems = append(problems, fmt.Errorf("--nextjs-local-patterns has %q: a path begins with a slash", path))
		}
	}
	if n.NextjsMinimumCacheTTL < 0 {
		problems = append(problems, errors.New("--nextjs-minimum-cache-ttl must not be negative"))
	}
	if t := n.NextjsContentDispositionType; t != "" && t != "attachment" && t != "inline" {
		problems = append(problems, fmt.Errorf("--nextjs-content-disposition-type is %q: set it to attachment or "+
			"inline", t))
	}
	return errors.Join(problems...)
}

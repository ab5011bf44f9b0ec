package proxy

import (
	"slices"
	"strings"
)

// ownPaths are paths that are no images.
var ownPaths = []string{"/", "/favicon.ico", "/robots.txt", "/health", "/health/live", "/health/ready"}

// studioPath is where the studio lives, on either port.
const studioPath = "/studio/"

// ownAdminPaths are those of the admin port, but for the studio's.
var ownAdminPaths = []string{"/", "/metrics", "/debug/memory", "/purge", "/warm", "/sources", "/reload"}

// loggedAdminPath is a path that the admin port was asked for: another one than its own may be the signed URL of an
// image, sent to the wrong port.
func loggedAdminPath(path string) string {
	if slices.Contains(ownAdminPaths, path) {
		return path
	}
	if strings.HasPrefix(path, studioPath) {
		return studioPath + leftOut
	}
	return "/" + leftOut
}

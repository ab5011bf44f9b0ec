package pictor_test

import (
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pictor-proxy/pictor/cmd/house"
)

// mayImport says which packages of pictor each package may import. Imports
// point one way; a new package needs a row.
var mayImport = map[string][]string{
	"transform":             {},
	"cache":                 {"cache/diskstore", "cache/flight", "cache/negative", "cache/objectstore", "cache/purge"},
	"cache/flight":          {},
	"cache/negative":        {},
	"cache/diskstore":       {},
	"cache/objectstore":     {},
	"cache/enginetest":      {},
	"cache/purge":           {},
	"cache/purge/bus":       {"cache/purge", "cache/redisclient"},
	"cache/redisclient":     {},
	"cache/leases":          {"cache/redisclient"},
	"config":                {},
	"proxy/accesslog":       {},
	"proxy/budget":          {},
	"proxy/facts":           {"transform", "transform/container", "transform/placeholder", "proxy/signedurl"},
	"proxy/hidden":          {},
	"proxy/origin":          {},
	"transform/bitmap":      {},
	"transform/container":   {"transform", "transform/bitmap"},
	"transform/memfile":     {},
	"transform/picturetest": {},
	"transform/placeholder": {"transform"},
	"transform/vips":        {"transform", "transform/container", "transform/memfile", "transform/placeholder"},
	"transform/worker":      {"transform", "transform/container", "transform/memfile"},
	"proxy/signedurl":       {"transform"},
	"proxy/sources":         {"transform", "transform/container", "cache", "cache/diskstore", "cache/flight", "cache/negative", "cache/purge", "proxy/budget", "proxy/origin", "transform/memfile"},
	"proxy/cloudflare":      {"transform", "proxy/signedurl"},
	"proxy/nextjs":          {"transform", "proxy/signedurl"},
	"proxy/thumbor":         {"transform", "proxy/signedurl"},
	"proxy/playground":      {},
	"proxy/studio":          {"proxy/signedurl"},
	"proxy/imaginary":       {"transform", "proxy/signedurl"},
	"proxy/tracing":         {},
	"proxy/upload":          {},
	"docs/heap":             {},
	"proxy/memstat":         {},
	"proxy/memory":          {"transform", "transform/memfile", "cache", "proxy/budget", "proxy/memstat"},
	"proxy":                 {"transform", "transform/container", "cache", "cache/diskstore", "cache/leases", "cache/negative", "cache/purge", "proxy/accesslog", "proxy/budget", "proxy/facts", "proxy/hidden", "proxy/memstat", "proxy/origin", "proxy/signedurl", "proxy/thumbor", "proxy/memory", "transform/memfile", "proxy/sources", "proxy/tracing", "proxy/upload"},
	"cmd/docs":              {"config", "transform", "transform/container", "transform/vips", "proxy/signedurl", "transform/memfile"},
	"cmd/house":             {},
	"cmd/image":             {"transform/picturetest"},
	"cmd/pictor":            {"cmd/pictor/buckets", "transform", "transform/container", "transform/worker", "cache", "cache/diskstore", "cache/leases", "cache/objectstore", "cache/purge", "cache/purge/bus", "config", "proxy", "proxy/accesslog", "proxy/budget", "proxy/facts", "proxy/hidden", "proxy/imaginary", "proxy/memory", "proxy/origin", "proxy/signedurl", "proxy/thumbor", "proxy/nextjs", "proxy/cloudflare", "proxy/playground", "proxy/studio", "transform/memfile", "proxy/sources", "proxy/tracing"},
	"cmd/simulate":          {"cache", "cache/diskstore", "cache/purge"},
	"cmd/pictor-worker":     {"transform/vips", "transform/worker"},
	"cmd/pictor/buckets":    {"cache/objectstore", "config", "proxy/origin"},
	"cmd/pictor/e2e":        {},
}

// onlyIn says where a library has its place.
var onlyIn = map[string][]string{
	"github.com/labstack/echo/v4":                    {"proxy"},
	"go.opentelemetry.io/otel/sdk/trace":             {"proxy/tracing"},
	"go.opentelemetry.io/otel/trace":                 {"proxy/tracing"},
	"github.com/dgraph-io/ristretto/v2":              {"cache"},
	"github.com/prometheus/client_golang/prometheus": {"proxy"},
	"github.com/cespare/xxhash/v2":                   {"cache", "cache/diskstore", "cache/purge", "proxy/hidden"},
	"github.com/hashicorp/golang-lru/v2":             {"cache", "proxy", "proxy/sources", "cache/negative"},
	"github.com/hashicorp/golang-lru/v2/simplelru":   {"proxy", "proxy/origin"},
	"github.com/redis/go-redis/v9":                   {"cache/purge/bus", "cache/redisclient", "cache/leases"},
	"github.com/nats-io/nats.go":                     {"cache/purge/bus"},
	"github.com/h2non/bimg":                          {"transform/vips"},
	"github.com/alecthomas/kong":                     {"config", "cmd/pictor"},
	"code.dny.dev/ssrf":                              {"proxy/origin"},
	"gocloud.dev/blob":                               {"cmd/pictor/buckets"},
	"gocloud.dev/blob/s3blob":                        {"cmd/pictor/buckets"},
	"gocloud.dev/blob/gcsblob":                       {"cmd/pictor/buckets"},
	"github.com/aws/aws-sdk-go-v2/service/s3":        {"cmd/pictor/buckets"},
	"cloud.google.com/go/storage":                    {"cmd/pictor/buckets"},
	"github.com/Azure/azure-sdk-for-go/sdk/azcore":   {"cmd/pictor/buckets"},
	"github.com/KimMachineGun/automemlimit":          {}, // its root sets GOMEMLIMIT when imported
	"github.com/KimMachineGun/automemlimit/memlimit": {"proxy/memory"},
}

func packages(t *testing.T) map[string]house.Package {
	t.Helper()
	found, err := house.Packages()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestImportsPointOneWay(t *testing.T) {
	packages := packages(t)
	for name, p := range packages {
		allowed, ok := mayImport[name]
		if !ok {
			t.Errorf("%s has no row in mayImport", name)
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, house.Module+"/"); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s may not import %s", name, own)
			}
			if places, ok := onlyIn[imp]; ok && !slices.Contains(places, name) {
				t.Errorf("%s is not for %s", imp, name)
			}
		}
	}
	for name := range mayImport {
		if _, ok := packages[name]; !ok {
			t.Errorf("row without a package: %s", name)
		}
	}
}

// A backend that mints URLs links the standard library and package transform: no
// parser of images, no memory files, nothing of the server.
func TestSignedurlStandsAlone(t *testing.T) {
	for _, dep := range packages(t)["proxy/signedurl"].Deps {
		host, _, _ := strings.Cut(dep, "/") // the standard library has no dot there
		if strings.Contains(host, ".") && dep != house.Module+"/transform" {
			t.Errorf("signedurl reaches %s", dep)
		}
		if slices.Contains([]string{"runtime/cgo", "net/http", "encoding/xml", "compress/zlib"}, dep) {
			t.Errorf("signedurl reaches %s", dep)
		}
	}
}

// The server and the commands link no C library, also in a build with cgo: but
// for the standard library no package that they reach has C code.
func TestOnlyTheWorkerLinksLibvips(t *testing.T) {
	const format = "{{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}"
	for program, want := range map[string]bool{"cmd/pictor": false, "cmd/pictor-worker": true} {
		cmd := exec.Command("go", "list", "-deps", "-f", format, house.Module+"/"+program)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if found := strings.Fields(string(out)); (len(found) > 0) != want {
			t.Errorf("%s reaches C code in %q", program, found)
		}
	}
}

func sources(t *testing.T, f func(path string, file *ast.File, fset *token.FileSet)) {
	t.Helper()
	if err := house.Sources(f); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string]int{}
	sources(t, func(path string, file *ast.File, _ *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "gen.go" {
			return
		}
		dir := filepath.Dir(path)
		comments[dir] += 0
		doc := file.Doc.Text()
		if strings.HasPrefix(doc, "Package ") || strings.HasPrefix(doc, "Command ") {
			comments[dir]++
		}
	})
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments", dir, n)
		}
	}
}

// A request for an image is read from what Verify gives. Only tools, and purges,
// which give nobody an image, may read a path that nothing vouches for.
func TestOnlyToolsReadUnsignedPaths(t *testing.T) {
	may := []string{"proxy/purge_targets.go", "cmd/pictor/explain.go", "cmd/pictor/imgproxy.go", "cmd/docs/bench.go"}
	found := map[string]bool{}
	sources(t, func(path string, file *ast.File, _ *token.FileSet) {
		dialect := slices.Contains([]string{"proxy/signedurl", "proxy/thumbor", "proxy/imaginary"}, filepath.Dir(path))
		if strings.HasSuffix(path, "_test.go") || dialect {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "ParseUnsigned" {
				found[path] = true
			}
			return true
		})
	})
	for path := range found {
		if !slices.Contains(may, path) {
			t.Errorf("%s reads a path that nobody signed", path)
		}
	}
	if len(found) != len(may) {
		t.Errorf("%v read such paths, want %v", found, may)
	}
}

// Package house reads the module's own files, for the tests that hold them to the rules of
// the house. Its tests check sizes and names, cycles inside packages, links of the pages,
// fuzz targets and log lines; that of the imports is in the root of the module.
package house

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Module is the path of the module.
const Module = "github.com/pictor-proxy/pictor"

// Package is a package as go list tells of it.
type Package struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// Packages are the packages below the root of the module, by their directories, as a build
// without cgo sees them. It is called in the module.
func Packages() (map[string]Package, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", Module+"/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	found := map[string]Package{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p Package
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		if p.ImportPath != Module { // the root has a test alone
			found[strings.TrimPrefix(p.ImportPath, Module+"/")] = p
		}
	}
}

// Sources calls f for each Go file below the working directory, which is the root of the
// module, with the path of the file from there.
func Sources(f func(path string, file *ast.File, fset *token.FileSet)) error {
	root := "."
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."), d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case d.IsDir(), !strings.HasSuffix(path, ".go"):
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err == nil {
			f(path, file, fset)
		}
		return err
	})
}

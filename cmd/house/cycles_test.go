package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// measureCycles finds files of a package that all need each other: file A uses
// something that file B declares, and the other way round, by any number of steps.
// Everything that has a name counts: types, functions, methods, fields, constants.
func (h findings) measureCycles(t *testing.T) {
	t.Helper()
	c := newChecker(t)
	for dir := range packages(t) {
		for _, files := range components(c.fileUses(t, dir)) {
			if len(files) > maxCycle {
				h.add("cycles of over 6 files", "%s: %d: %s", dir, len(files), strings.Join(files, " "))
			}
		}
	}
}

// checker resolves names. What it cannot load, as what needs cgo, it does without:
// a name of the same package is found all the same.
type checker struct {
	fset     *token.FileSet
	compiled types.Importer
}

func newChecker(t *testing.T) *checker {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-deps", "-export", "-json=ImportPath,Export", Module+"/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-tags=disable_grpc_modules")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
	c := &checker{fset: token.NewFileSet()}
	c.compiled = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("%s is not compiled", path)
		}
		return os.Open(exports[path])
	})
	return c
}

// fileUses says for each file of a package which other files of it it needs.
func (c *checker) fileUses(t *testing.T, dir string) map[string][]string {
	t.Helper()
	target := build.Default
	target.GOOS, target.CgoEnabled = "linux", true
	p, err := target.ImportDir(dir, 0)
	if none := new(build.NoGoError); errors.As(err, &none) {
		return nil // tests alone
	} else if err != nil {
		t.Fatal(err)
	}
	uses := map[string][]string{}
	var files []*ast.File
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		file, err := parser.ParseFile(c.fset, filepath.Join(dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
		uses[name] = nil
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: c.compiled, FakeImportC: true, Error: func(error) {}}
	pkg, _ := conf.Check(Module+"/"+dir, c.fset, files, info)
	fileOf := func(p token.Pos) string { return filepath.Base(c.fset.Position(p).Filename) }
	own := ownUses(files, info)
	for ident, object := range info.Uses {
		if own[ident] {
			continue
		}
		from, to := fileOf(ident.Pos()), fileOf(object.Pos())
		if object.Pkg() == pkg && object.Pos().IsValid() && from != to && !slices.Contains(uses[from], to) {
			uses[from] = append(uses[from], to)
		}
	}
	return uses
}

// ownUses are what a method mentions of the type that it belongs to: the type's name,
// and fields of its receiver. A type may have its methods in several files, and these
// need each other only where they call each other.
func ownUses(files []*ast.File, info *types.Info) map[*ast.Ident]bool {
	own := map[*ast.Ident]bool{}
	for _, file := range files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			var receiver types.Object
			ast.Inspect(f.Recv, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					if object, ok := info.Uses[id].(*types.TypeName); ok {
						receiver = object
					}
				}
				return true
			})
			members := map[types.Object]bool{receiver: true}
			if receiver != nil {
				if s, ok := receiver.Type().Underlying().(*types.Struct); ok {
					for field := range s.Fields() {
						members[field.Origin()] = true
					}
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					object := info.Uses[id]
					if v, ok := object.(*types.Var); ok {
						object = v.Origin()
					}
					own[id] = object != nil && members[object]
				}
				return true
			})
		}
	}
	return own
}

// components are the strongly connected components of a graph, by Tarjan's algorithm.
func components(graph map[string][]string) (all [][]string) {
	index, low := map[string]int{}, map[string]int{}
	var stack []string
	var visit func(node string)
	visit = func(node string) {
		index[node] = len(index) + 1
		low[node] = index[node]
		stack = append(stack, node)
		for _, next := range graph[node] {
			if index[next] == 0 {
				visit(next)
				low[node] = min(low[node], low[next])
			} else if slices.Contains(stack, next) {
				low[node] = min(low[node], index[next])
			}
		}
		if low[node] == index[node] {
			at := slices.Index(stack, node)
			found := slices.Sorted(slices.Values(stack[at:]))
			stack = stack[:at]
			all = append(all, found)
		}
	}
	for node := range graph {
		if index[node] == 0 {
			visit(node)
		}
	}
	return all
}

func TestComponents(t *testing.T) {
	graph := map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
	var got []string
	for _, c := range components(graph) {
		got = append(got, strings.Join(c, ""))
	}
	slices.Sort(got)
	if want := []string{"abc", "de", "f"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

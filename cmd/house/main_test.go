package house

import (
	"go/ast"
	"go/token"
	"os"
	"testing"
)

// The tests run in the root of the module, whose files they read.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func packages(t *testing.T) map[string]Package {
	t.Helper()
	found, err := Packages()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func sources(t *testing.T, f func(path string, file *ast.File, fset *token.FileSet)) {
	t.Helper()
	if err := Sources(f); err != nil {
		t.Fatal(err)
	}
}

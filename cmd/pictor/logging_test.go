package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor-proxy/pictor/config"
)

func TestDurationsInTheLogHaveUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		35 * time.Second: "35s", 0: "0s", 1500 * time.Millisecond: "1.5s", 90 * time.Minute: "1h30m0s", 7: "7ns",
	} {
		var out bytes.Buffer
		log, _ := newLogger(&config.Serve{LogFormat: "JSON", LogLevel: "info"}, &out)
		log.WithGroup("g").With("before", d).Info("x", "any", any(d), "n", 5)
		var line struct {
			G struct {
				Before, Any string
				N           int
			}
		}
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.G.Before != want || line.G.Any != want ||
			line.G.N != 5 {
			t.Errorf("%v: %s, %v", d, out.String(), err)
		}
		out.Reset()
		plain, level := newLogger(&config.Serve{LogFormat: "text", LogLevel: "info"}, &out)
		plain.Info("x", "d", d)
		if !strings.Contains(out.String(), " d="+want+"\n") {
			t.Errorf("%v: %s", d, out.String())
		}
		written := out.Len()
		level.Set(slog.LevelWarn)
		if plain.Info("x"); out.Len() != written {
			t.Errorf("a line of the level before: %s", out.String())
		}
	}
}

// isHTTP: http.Error writes no log.
func isHTTP(x ast.Expr) bool {
	name, ok := x.(*ast.Ident)
	return ok && name.Name == "http"
}

// Every key of every line that the module logs is one word, which jq and label
// rules can name.
func TestKeysOfTheLogAreWords(t *testing.T) {
	levels, found := []string{"Debug", "Info", "Warn", "Error"}, 0
	look := func(path string, call *ast.CallExpr) {
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(levels, method.Sel.Name) || isHTTP(method.X) {
			return
		}
		for i := 1; i < len(call.Args); i += 2 {
			literal, ok := call.Args[i].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				continue
			}
			found++
			key, err := strconv.Unquote(literal.Value)
			if err != nil || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
				t.Errorf("%s: key %s", path, literal.Value)
			}
		}
	}
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				look(path, call)
			}
			return true
		})
		return nil
	})
	if err != nil || found < 30 {
		t.Errorf("%d keys are found, %v", found, err)
	}
}

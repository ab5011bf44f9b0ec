package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"unicode/utf8"
)

// The limits of the house.
const (
	maxColumns       = 120 // a tab counts 4
	maxFileLines     = 400
	maxFunctionLines = 60 // tests may be longer
	maxFields        = 14
	maxCycle         = 6  // files of a package that all need each other
	maxLeftSides     = 2  // of an assignment, unless one call returns more
	maxDepth         = 4  // of imports within the module, from any command
	maxOneWord       = 25 // percent of unexported functions
)

// allowed says how many places may be over each limit. It only goes down: where the
// tree has fewer, the table says so, and the number is lowered in one line.
var allowed = map[string]int{
	"lines over 120 columns":      0,
	"test lines over 120 columns": 0,
	"files over 400 lines":        0,
	"test files over 400 lines":   0,
	"functions over 60 lines":     0,
	// Records that other code reads field by field: cache.Entry, cache.Stats,
	// transform.Info, transform.Geometry.
	"types of over 14 fields": 4,
	// In transform the file of an option has its type, which Params holds, and sets it
	// from arguments, so that these files and Params need each other.
	"cycles of over 6 files":       1,
	"assignments to over 2 names":  0,
	"commands with imports over 4": 0,
}

// findings collects what is over a limit, by the kinds of allowed.
type findings map[string][]string

func (h findings) add(kind, format string, args ...any) {
	if _, ok := allowed[kind]; !ok {
		panic(kind + " is missing in allowed")
	}
	h[kind] = append(h[kind], fmt.Sprintf(format, args...))
}

// TestHouse holds the tree against the limits, and prints what it found. With
// HOUSE=all in the environment it lists each place.
func TestHouse(t *testing.T) {
	h := findings{}
	names := map[string]*nameCount{}
	sources(t, func(path string, file *ast.File, fset *token.FileSet) {
		h.measureFile(t, path, file, fset)
		if !strings.HasSuffix(path, "_test.go") {
			h.measureDeclarations(path, file, fset)
			countNames(names, path, file)
		}
	})
	h.measureC(t)
	h.measureDepth(t)
	h.measureCycles(t)
	share := measureNames(t, names)

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "found\tallowed\t")
	for _, kind := range slices.Sorted(maps.Keys(allowed)) {
		n := len(h[kind])
		note := ""
		switch {
		case n > allowed[kind]:
			t.Errorf("%d %s, allowed are %d:\n\t%s", n, kind, allowed[kind], strings.Join(h[kind], "\n\t"))
			note = "TOO MANY"
		case n < allowed[kind]:
			note = fmt.Sprintf("lower allowed to %d in cmd/house/limits_test.go", n)
		}
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\n", n, allowed[kind], kind, note)
		if n > 0 && listed() {
			t.Logf("%s:\n\t%s", kind, strings.Join(h[kind], "\n\t"))
		}
	}
	_ = w.Flush()
	if share > maxOneWord {
		t.Errorf("%.1f %% of unexported functions have one word for a name, allowed are %d", share, maxOneWord)
	}
	t.Logf("one-word names: %.1f %% of unexported functions, allowed are %d\n%s", share, maxOneWord, table.String())
}

// measureFile looks at lengths of a file and of its lines.
func (h findings) measureFile(t *testing.T, path string, file *ast.File, fset *token.FileSet) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	test := ""
	if strings.HasSuffix(path, "_test.go") {
		test = "test "
	}
	if n := strings.Count(string(text), "\n"); n > maxFileLines {
		h.add(test+"files over 400 lines", "%s: %d", path, n)
	}
	var rows map[int]bool
	for i, line := range strings.Split(string(text), "\n") {
		n := columns(line)
		if n <= maxColumns {
			continue
		}
		if rows == nil {
			rows = tableRows(file, fset, test != "")
		}
		if !rows[i+1] {
			h.add(test+"lines over 120 columns", "%s:%d: %d", path, i+1, n)
		}
	}
}

func columns(line string) int {
	return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
}

// tableRows are the lines that may be long: an element of a literal that begins
// and ends on the line, in tests, and, everywhere, the tag of a field, lines of a
// string in backquotes and the output of an example, none of which can be broken.
func tableRows(file *ast.File, fset *token.FileSet, test bool) map[int]bool {
	rows := map[int]bool{}
	line := func(p token.Pos) int { return fset.Position(p).Line }
	mark := func(n ast.Node) {
		for l := line(n.Pos()); l <= line(n.End()); l++ {
			rows[l] = true
		}
	}
	for _, c := range file.Comments {
		if strings.HasPrefix(c.Text(), "Output:") {
			mark(c)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if n.Tag != nil {
				rows[line(n.Tag.Pos())] = true
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING && line(n.Pos()) != line(n.End()) {
				mark(n)
			}
		case *ast.CompositeLit:
			for _, e := range n.Elts {
				if own := line(e.Pos()) > line(n.Lbrace); test && own && line(e.Pos()) == line(e.End()) {
					mark(e)
				}
			}
		}
		return true
	})
	return rows
}

// measureDeclarations looks at functions, types and assignments.
func (h findings) measureDeclarations(path string, file *ast.File, fset *token.FileSet) {
	place := func(n ast.Node) string { return fmt.Sprintf("%s:%d", path, fset.Position(n.Pos()).Line) }
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if l := fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1; l > maxFunctionLines {
				h.add("functions over 60 lines", "%s: %s has %d", place(n), n.Name.Name, l)
			}
		case *ast.TypeSpec:
			if s, ok := n.Type.(*ast.StructType); ok && !isSettings(n.Name.Name) && !isDocument(s) {
				if f := s.Fields.NumFields(); f > maxFields {
					h.add("types of over 14 fields", "%s: %s has %d", place(n), n.Name.Name, f)
				}
			}
		case *ast.AssignStmt:
			if len(n.Lhs) > maxLeftSides && len(n.Rhs) == len(n.Lhs) {
				h.add("assignments to over 2 names", "%s: %d", place(n), len(n.Lhs))
			}
		}
		return true
	})
}

// Two kinds of types may have many fields: lists of settings, known by their names,
// and documents, of which each field has a tag, for JSON or for the command line.
var isSettings = regexp.MustCompile(`(Config|config|Options|Params)$`).MatchString

func isDocument(s *ast.StructType) bool {
	for _, f := range s.Fields.List {
		tagged := f.Tag != nil && regexp.MustCompile(`\b(json|help):"`).MatchString(f.Tag.Value)
		if embedded := len(f.Names) == 0; !tagged && !embedded {
			return false
		}
	}
	return true
}

// measureC looks at lines and lengths of the pipeline in C.
func (h findings) measureC(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("transform", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".c" && filepath.Ext(path) != ".h" {
			return err
		}
		text, err := os.ReadFile(path)
		lines := strings.Split(string(text), "\n")
		if len(lines) > maxFileLines {
			h.add("files over 400 lines", "%s: %d", path, len(lines))
		}
		for i, line := range lines {
			if n := columns(line); n > maxColumns {
				h.add("lines over 120 columns", "%s:%d: %d", path, i+1, n)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// measureDepth finds the longest chain of imports within the module from each command.
func (h findings) measureDepth(t *testing.T) {
	t.Helper()
	packages := packages(t)
	var chain func(name string) []string
	chain = func(name string) (longest []string) {
		for _, imp := range packages[name].Imports {
			if own, ok := strings.CutPrefix(imp, Module+"/"); ok {
				if c := chain(own); len(c) > len(longest) || longest == nil {
					longest = c
				}
			}
		}
		return append([]string{name}, longest...)
	}
	for name := range packages {
		if c := chain(name); strings.HasPrefix(name, "cmd/") && len(c)-1 > maxDepth {
			h.add("commands with imports over 4", "%s", strings.Join(c, " → "))
		}
	}
}

// nameCount counts unexported functions of a package.
type nameCount struct {
	total   int
	oneWord []string
}

func countNames(counts map[string]*nameCount, path string, file *ast.File) {
	dir := filepath.Dir(path)
	if counts[dir] == nil {
		counts[dir] = &nameCount{}
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.IsExported() || slices.Contains([]string{"main", "init", "_"}, f.Name.Name) {
			continue
		}
		counts[dir].total++
		if !strings.ContainsAny(f.Name.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") {
			counts[dir].oneWord = append(counts[dir].oneWord, f.Name.Name)
		}
	}
}

// measureNames gives the share of functions with a name of one word, in percent.
func measureNames(t *testing.T, counts map[string]*nameCount) float64 {
	t.Helper()
	var oneWord, total int
	for _, dir := range slices.Sorted(maps.Keys(counts)) {
		c := counts[dir]
		oneWord += len(c.oneWord)
		total += c.total
		if listed() {
			t.Logf("%s: %d of %d functions have one word: %s", dir, len(c.oneWord), c.total,
				strings.Join(c.oneWord, " "))
		}
	}
	return 100 * float64(oneWord) / float64(total)
}

// listed says that each place is to be printed.
func listed() bool { return os.Getenv("HOUSE") == "all" }

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// signer runs the signer that docs/signing.md has in a language: the block's
// code, and a driver that prints a signature for each line of input, which
// holds key, salt, size and path between blanks.
type signer struct {
	language string // of the block
	kind     string // of project, where there are several
	file     string
	driver   string            // behind the code
	beside   map[string]string // the files of the project
	program  string
	command  []string
	missing  func(t testing.TB, program string) // skips, and fails where setup installs the program
}

const nodeDriver = `
for (const l of readFileSync(0, 'utf8').trimEnd().split('\n')) {
  const [k, s, n, ...p] = l.split(' ');
  console.log(sign(k, s, p.join(' '), Number(n)));
}
`

const importDriver = "import { readFileSync } from 'node:fs';\nimport { sign } from './sign.js';\n" + nodeDriver

const requireDriver = "const { readFileSync } = require('node:fs');\nconst { sign } = require('./sign.js');\n" +
	nodeDriver

var signers = []signer{
	{language: "python", file: "s.py", driver: `
import sys
for l in sys.stdin:
    k, s, n, p = l.rstrip('\n').split(' ', 3)
    print(sign(k, s, p, int(n)))
`, program: "python3", command: []string{"python3", "s.py"}, missing: needs},
	{language: "php", file: "s.php", driver: `
while (($l = fgets(STDIN)) !== false) {
  [$k, $s, $n, $p] = explode(' ', rtrim($l, "\n"), 4);
  echo sign($k, $s, $p, (int)$n), "\n";
}
`, program: "php", command: []string{"php", "s.php"}, missing: needs},
	{language: "js", kind: "a project of modules", file: "sign.js", program: "node",
		command: []string{"node", "main.js"}, missing: needs,
		beside: map[string]string{"package.json": `{"type": "module"}`, "main.js": importDriver}},
	{language: "js", kind: "import without a type", file: "sign.js", program: "node",
		command: []string{"node", "main.mjs"},
		missing: needsModuleSyntax, beside: map[string]string{"package.json": `{}`, "main.mjs": importDriver}},
	{language: "js", kind: "require", file: "sign.js", program: "node", command: []string{"node", "main.js"},
		missing: needsModuleSyntax, beside: map[string]string{"package.json": `{}`, "main.js": requireDriver}},
	{language: "ruby", file: "s.rb", driver: `
STDIN.each_line do |l|
  k, s, n, p = l.chomp.split(' ', 4)
  puts Pictor.sign(k, s, p, n.to_i)
end
`, program: "ruby", command: []string{"ruby", "s.rb"}, missing: needs},
	{language: "java", file: "Signer.java", driver: `
class Main {
  public static void main(String[] a) throws Exception {
    var in = new java.io.BufferedReader(new java.io.InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String l; (l = in.readLine()) != null;) {
      String[] f = l.split(" ", 4);
      System.out.println(Signer.sign(f[0], f[1], f[3], Integer.parseInt(f[2])));
    }
  }
}
`, program: "javac", command: []string{"sh", "-c", "javac -d . Signer.java && java -cp . Main"}, missing: mayUse},
}

// mayUse is needs for what setup does not install.
func mayUse(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
}

// needsModuleSyntax skips where Node knows a module by "type" or .mjs alone: so
// old are those of Debian 12 and Ubuntu 24.04, and the page says what to do there.
func needsModuleSyntax(t testing.TB, program string) {
	t.Helper()
	needs(t, program)
	if out, err := exec.Command(program, "-p", "process.features.require_module").Output(); err != nil ||
		string(out) != "true\n" {
		t.Skip("this Node cannot require a module: 20.19 or 22.12 is needed")
	}
}

// Every signer of the page gives what the vectors say.
func TestSignersOfThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/signing.md")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../../proxy/signedurl/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Native []struct {
			Key, Salt, Path, Signature string
			Size                       int
		}
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	var input, want strings.Builder
	for _, v := range vectors.Native {
		fmt.Fprintf(&input, "%s %s %d %s\n", v.Key, v.Salt, v.Size, v.Path)
		fmt.Fprintln(&want, v.Signature)
	}
	for _, s := range signers {
		t.Run(strings.TrimSpace(s.language+" "+s.kind), func(t *testing.T) {
			code := block(t, string(page), s.language)
			s.missing(t, s.program)
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{s.file: code + s.driver})
			writeFiles(t, dir, s.beside)
			cmd := exec.Command(s.command[0], s.command[1:]...)
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(input.String())
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderrOf(err))
			}
			if string(out) != want.String() {
				t.Errorf("signed\n%swant\n%s", out, want.String())
			}
		})
	}
	t.Run("go", func(t *testing.T) { goSigner(t, block(t, string(page), "go"), input.String(), want.String()) })
}

// goSigner runs the page's Go inside of this module.
func goSigner(t *testing.T, code, input, want string) {
	dir, err := os.MkdirTemp("testdata", "signer-") // where go list looks at nothing
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	driver := "package main\n\nimport (\n\t\"bufio\"\n\t\"fmt\"\n\t\"os\"\n\t\"strconv\"\n\t\"strings\"\n)\n\nfunc " +
		"main() {\n\tfor l := bufio.NewScanner(os.Stdin); l.Scan(); {\n\t\tf := strings.SplitN(l.Text(), \" \", " +
		"4)\n\t\tn, _ := strconv.Atoi(f[2])\n\t\ts, err := sign(f[0], f[1], f[3], n)\n\t\tif err != nil " +
		"{\n\t\t\tpanic(err)\n\t\t}\n\t\tfmt.Println(s)\n\t}\n}\n"
	writeFiles(t, dir, map[string]string{"sign.go": code, "main.go": driver})
	cmd := exec.Command("go", "run", "./"+dir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderrOf(err))
	}
	if string(out) != want {
		t.Errorf("signed\n%swant\n%s", out, want)
	}
}

// writeFiles writes texts by their paths below a directory.
func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// block is the first block of the page in a language.
func block(t *testing.T, page, language string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has nothing in %s", language)
	}
	return m[1]
}

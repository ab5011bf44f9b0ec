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
	file     string
	driver   string // behind the code
	program  string
	command  []string
}

var signers = []signer{
	{"python", "s.py", "\nimport sys\nfor l in sys.stdin:\n    k, s, n, p = l.rstrip('\\n').split(' ', 3)\n    print(sign(k, s, p, int(n)))\n", "python3", []string{"python3", "s.py"}},
	{"php", "s.php", "\nwhile (($l = fgets(STDIN)) !== false) {\n  [$k, $s, $n, $p] = explode(' ', rtrim($l, \"\\n\"), 4);\n  echo sign($k, $s, $p, (int)$n), \"\\n\";\n}\n", "php", []string{"php", "s.php"}},
	{"js", "s.js", "\nfor (const l of require('node:fs').readFileSync(0, 'utf8').trimEnd().split('\\n')) {\n  const [k, s, n, ...p] = l.split(' ');\n  console.log(sign(k, s, p.join(' '), Number(n)));\n}\n", "node", []string{"node", "s.js"}},
	{"ruby", "s.rb", "\nSTDIN.each_line do |l|\n  k, s, n, p = l.chomp.split(' ', 4)\n  puts sign(k, s, p, n.to_i)\nend\n", "ruby", []string{"ruby", "s.rb"}},
	{"java", "Signer.java", "\nclass Main {\n  public static void main(String[] a) throws Exception {\n    var in = new java.io.BufferedReader(new java.io.InputStreamReader(System.in, StandardCharsets.UTF_8));\n    for (String l; (l = in.readLine()) != null;) {\n      String[] f = l.split(\" \", 4);\n      System.out.println(Signer.sign(f[0], f[1], f[3], Integer.parseInt(f[2])));\n    }\n  }\n}\n", "javac", []string{"sh", "-c", "javac -d . Signer.java && java -cp . Main"}},
}

// Every signer of the page gives what the vectors say.
func TestSignersOfThePage(t *testing.T) {
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
		t.Run(s.language, func(t *testing.T) {
			code := block(t, string(page), s.language)
			if _, err := exec.LookPath(s.program); err != nil {
				t.Skipf("%s is not installed", s.program)
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, s.file), []byte(code+s.driver), 0o600); err != nil {
				t.Fatal(err)
			}
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
	driver := "package main\n\nimport (\n\t\"bufio\"\n\t\"fmt\"\n\t\"os\"\n\t\"strconv\"\n\t\"strings\"\n)\n\nfunc main() {\n\tfor l := bufio.NewScanner(os.Stdin); l.Scan(); {\n\t\tf := strings.SplitN(l.Text(), \" \", 4)\n\t\tn, _ := strconv.Atoi(f[2])\n\t\ts, err := sign(f[0], f[1], f[3], n)\n\t\tif err != nil {\n\t\t\tpanic(err)\n\t\t}\n\t\tfmt.Println(s)\n\t}\n}\n"
	for name, text := range map[string]string{"sign.go": code, "main.go": driver} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
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

// block is the first block of the page in a language.
func block(t *testing.T, page, language string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has nothing in %s", language)
	}
	return m[1]
}

package main

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// The Dockerfile and the .dockerignore of the repository are without fault.
func TestDockerfile(t *testing.T) {
	if err := os.Chdir("../.."); err != nil {
		t.Fatal(err)
	}
	defer os.Chdir("cmd/image")
	if err := lintFiles(nil); err != nil {
		t.Error(err)
	}
}

const wholeStage = `
FROM scratch
COPY --from=build /out/ /
USER 65532:65532
VOLUME /data
EXPOSE 80
STOPSIGNAL SIGTERM
HEALTHCHECK --timeout=5s CMD ["/a", "health"]
LABEL a="b"
ENTRYPOINT ["/a"]
CMD ["serve"]
`

func TestLintNamesEachFault(t *testing.T) {
	const begun = "FROM debian:forky-slim AS build\n"
	tests := []struct{ what, text, want string }{
		{"nothing", begun + "COPY a.txt /\nRUN --mount=type=cache,target=/c b" + wholeStage, ""},
		{"a source that is missing", begun + "COPY b.txt /" + wholeStage, "b.txt does not exist"},
		{"an ignored source", begun + "COPY docs/a.md /" + wholeStage, "docs/a.md is in .dockerignore"},
		{"a flag of another", begun + "COPY --mount=type=cache,target=/c a.txt /" + wholeStage, "COPY has no flag --mount"},
		{"a flag that is not known here", begun + "COPY --link=true a.txt /" + wholeStage, "COPY has no flag --link"},
		{"a flag without a value", begun + "COPY --link a.txt /" + wholeStage, "a flag of COPY has no value"},
		{"a secret", begun + "RUN --mount=type=secret,id=a b" + wholeStage, "is not understood"},
		{"an instruction", begun + "ADD a.txt /" + wholeStage, "ADD is not known here"},
		{"a stage without a name", "FROM debian:forky-slim\nFROM debian:forky-slim AS build\n" + wholeStage, "the stage has no name"},
		{"a name twice", begun + begun + wholeStage, "the name build is taken"},
		{"a stage that is not there", begun + strings.Replace(wholeStage, "=build", "=other", 1), "no stage before is named other"},
		{"a user by name", begun + strings.Replace(wholeStage, "65532:65532", "nobody", 1), "USER is not two numbers"},
		{"root", begun + strings.Replace(wholeStage, "65532:65532", "0:0", 1), "USER is not two numbers"},
		{"a command for a shell", begun + strings.Replace(wholeStage, `["serve"]`, "serve", 1), "CMD needs a shell"},
		{"a check for a shell", begun + strings.Replace(wholeStage, `["/a", "health"]`, "/a health", 1), "HEALTHCHECK needs a shell"},
		{"no signal", begun + strings.Replace(wholeStage, "STOPSIGNAL SIGTERM\n", "", 1), "has no STOPSIGNAL"},
		{"RUN without a shell", begun + wholeStage + "RUN true\n", "has no shell"},
	}
	context := fstest.MapFS{"a.txt": {}, "docs/a.md": {}}
	for _, tt := range tests {
		stages, err := readDockerfile(strings.NewReader(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.what, err)
			continue
		}
		found := findFaults(stages, context, []string{"docs"})
		all := strings.Join(found, "\n")
		if (tt.want == "") != (all == "") || !strings.Contains(all, tt.want) || len(found) > 1 {
			t.Errorf("%s: %q, want %q", tt.what, found, tt.want)
		}
	}
}

func TestReadingADockerfile(t *testing.T) {
	stages, err := readDockerfile(strings.NewReader("# a\nFROM debian:a@sha256:b as one\n" +
		"RUN --mount=type=cache,target=/c a \\\n# between\n && b\nENV A=1 B=\"2 3\"\n" +
		"FROM one\nENTRYPOINT [\"a\", \"b c\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 || stages[0].name != "one" || stages[0].base != "debian:a@sha256:b" || stages[1].base != "one" {
		t.Fatalf("%+v", stages)
	}
	run := stages[0].instructions[0]
	command := strings.Join(strings.Fields(run.rest), " ")
	if run.line != 3 || run.flag("mount") != "type=cache,target=/c" || command != "a && b" {
		t.Errorf("%+v", run)
	}
	if env := stages[0].instructions[1].assignments(); len(env) != 2 || env[1] != (pair{"B", "2 3"}) {
		t.Errorf("%+v", env)
	}
	if words := stages[1].instructions[0].words(); len(words) != 2 || words[1] != "b c" {
		t.Errorf("%q", words)
	}
	if got := expand("$A:${B}", map[string]string{"A": "1", "B": "2"}); got != "1:2" {
		t.Error(got)
	}
	for _, text := range []string{"", "RUN a", "FROM a b", "FROM a\nRUN <<EOF\n", "FROM a\nRUN b \\\n", "FROM a\n[\n"} {
		if _, err := readDockerfile(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestUnpinnedImages(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("ab", 32)
	text := "FROM debian:a" + digest + " AS one\nFROM go:b AS two\nFROM one\nFROM scratch\n"
	stages, err := readDockerfile(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if found := unpinnedImages(stages); len(found) != 1 || found[0] != "go:b" {
		t.Errorf("%q", found)
	}
}

func TestIgnoredFiles(t *testing.T) {
	if got, err := readIgnored("# a\n.git\n\ndocs/\n"); err != nil || strings.Join(got, " ") != ".git docs" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := readIgnored("*.test\n"); err == nil {
		t.Error("a pattern is read")
	}
}

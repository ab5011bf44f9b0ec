package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/pictor-proxy/pictor/transform"
)

// protocol is raised with every change of what servers and workers say to each other.
const protocol = 2

// BuildID names the build of this program. version is what the linker has set. Server and workers
// are built from the same source where both have the same BuildID, but for uncommitted changes.
func BuildID(version string) string {
	module := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		module = info.Main.Version // with version control it has the commit
	}
	return fmt.Sprintf("version %s (module %s, protocol %d.%d)", version, module, protocol, transform.PixelVersion)
}

// Program is what the program of workers says of itself, by one of these arguments.
type Program struct {
	// Build is its BuildID.
	Build string
	// Libraries are the directories that it has libraries from.
	Libraries []string
	// Capabilities are those of its libvips, where they were asked for.
	Capabilities *transform.Capabilities `json:",omitempty"`
}

// The arguments of the program. Without one it is a worker.
const (
	argDescribe = "--describe"
	argProbe    = "--probe"
)

var (
	// ErrNoProgram: the program of workers does not exist.
	ErrNoProgram = errors.New("no such worker program")
	// ErrProgram: the program of workers cannot be run.
	ErrProgram = errors.New("the worker program cannot be run")
	// ErrOtherBuild: the program of workers and this one are of different builds.
	ErrOtherBuild = errors.New("the worker program is of another build")
)

// Main is the whole program of workers. build is its BuildID, args are those after its name.
func Main(args []string, build string, newEngine func() Engine, out io.Writer) error {
	switch {
	case len(args) == 0:
		return Serve(build, newEngine)
	case len(args) > 1 || !slices.Contains([]string{argDescribe, argProbe}, args[0]):
		return ErrNotStartedByServer
	}
	p := Program{Build: build, Libraries: ownLibraries()}
	if args[0] == argProbe {
		c := newEngine().Probe()
		p.Capabilities = &c
	}
	return json.NewEncoder(out).Encode(p)
}

// Describe asks the program at path what it is. Its error is ErrNoProgram or ErrProgram, or
// ErrOtherBuild where it is not of this build.
func Describe(ctx context.Context, path, build string) (Program, error) {
	return askProgram(ctx, path, build, argDescribe)
}

// Probe is Describe with Capabilities: libvips encodes and decodes a picture of each format for it.
func Probe(ctx context.Context, path, build string) (Program, error) {
	return askProgram(ctx, path, build, argProbe)
}

// maxDescription bounds what is read of the program, in bytes: at path there may be any program.
const maxDescription = 64 << 10

func askProgram(ctx context.Context, path, build, arg string) (p Program, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return p, fmt.Errorf("%w: %s", ErrNoProgram, path)
	}
	cmd := exec.CommandContext(ctx, path, arg)
	cmd.Env, cmd.Dir = DefaultEnv, "/"
	cmd.WaitDelay = time.Second
	endWithServer(cmd)
	// The system ends the program with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out, words boundedBuffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil {
		// The loader and the program itself say more than a code does.
		if said, _, _ := strings.Cut(strings.TrimSpace(words.text.String()), "\n"); said != "" {
			return p, fmt.Errorf("%w: %s: %s", ErrProgram, path, clipText(said))
		}
		if ctx.Err() != nil {
			return p, fmt.Errorf("%w: %s does not respond", ErrProgram, path)
		}
		return p, fmt.Errorf("%w: %s: %w", ErrProgram, path, err)
	}
	err = json.Unmarshal(out.text.Bytes(), &p)
	if err != nil || p.Build == "" || arg == argProbe && p.Capabilities == nil {
		return p, fmt.Errorf("%w: %s is not a pictor-worker", ErrProgram, path)
	}
	if p.Build != build {
		return p, fmt.Errorf("%w: %s has %s, and pictor has %s", ErrOtherBuild, path, clipText(p.Build), build)
	}
	return p, nil
}

// boundedBuffer is a buffer that takes maxDescription bytes at most.
type boundedBuffer struct{ text bytes.Buffer }

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.text.Len()+len(p) > maxDescription {
		return 0, io.ErrShortWrite
	}
	return b.text.Write(p)
}

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/transform/picturetest"
)

// formats are those of results, and so of the sources that are made of them.
var formats = []string{"jpg", "png", "webp", "gif", "avif", "jxl", "ico"}

// tooLong is how long a step may take before it counts as hanging. On a busy machine the first worker took over half a
// minute to start.
const tooLong = 3 * time.Minute

// restTime is after how long server and workers have given back what they do not need: ten seconds (docs/memory.md),
// and some for a busy machine.
const restTime = 15 * time.Second

// drawing is an SVG with text in an encoding that iconv's tables are for.
const drawing = `<?xml version="1.0" encoding="ISO-8859-2"?>
<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100"><rect width="200" height="100" fill="#fff"/>` +
	"<text x=\"20\" y=\"80\" font-size=\"80\">\xb1\xb6</text></svg>"

// containedServer is a server that runs in the tree.
type containedServer struct {
	tree *tree
	cmd  *exec.Cmd
	log  bytes.Buffer
	// first is its process ID out here; in its namespace it is 1.
	first int
}

// tryServer has a server make pictures of every format, looks at what it maps and takes, kills a worker, and ends it.
func tryServer(t *tree, pictures string) error {
	s := &containedServer{tree: t, cmd: t.containedPictor("serve")}
	return s.try(func() error { return s.tryPictures(pictures) })
}

// try starts the server, has it tried, and ends it. Its log is told where something is wrong.
func (s *containedServer) try(try func() error) error {
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	defer s.cmd.Process.Kill()
	if err := errors.Join(try(), s.endServer()); err != nil {
		return fmt.Errorf("%w\nThe server's log:\n%s", err, lastLines(s.log.String(), 20))
	}
	return nil
}

// await waits until the server is ready.
func (s *containedServer) await() error {
	if out, err := s.tree.containedPictor("health", "--wait", tooLong.String()).CombinedOutput(); err != nil {
		return fmt.Errorf("pictor health: %w\n%s", err, out)
	}
	return s.findFirst()
}

// keepServing starts a server, says how make bench-http measures it, and ends it when Enter is pressed.
func keepServing(t *tree) error {
	s := &containedServer{tree: t, cmd: t.containedPictor("serve")}
	s.cmd.Stdout, s.cmd.Stderr = os.Stderr, os.Stderr
	if err := s.cmd.Start(); err != nil {
		return err
	}
	defer s.cmd.Process.Kill()
	if err := s.await(); err != nil {
		return err
	}
	fmt.Printf("AGAINST=libvips,http://%s/insecure,%d\n", address, s.first)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // the end of the input is as good
	return s.endServer()
}

func (s *containedServer) tryPictures(pictures string) error {
	if err := s.await(); err != nil {
		return err
	}
	fmt.Println("just started:", memoryOf(processTree(s.first)))
	time.Sleep(restTime)
	fmt.Println("idle:", memoryOf(processTree(s.first)))
	if err := s.makePictures(pictures); err != nil {
		return err
	}
	all := processTree(s.first)
	idle, err := s.tree.idleLibraries(mappedLibraries(all))
	if err != nil {
		return err
	}
	if len(idle) > 0 {
		return fmt.Errorf("libraries that nothing has loaded: %s", strings.Join(idle, " "))
	}
	if err := s.loseWorker(); err != nil {
		return err
	}
	fmt.Println("after pictures of every format:", memoryOf(processTree(s.first)))
	time.Sleep(restTime)
	fmt.Println("idle again:", memoryOf(processTree(s.first)))
	if strings.Contains(s.log.String(), "worker wrote to stderr") {
		return errors.New("workers complain")
	}
	return nil
}

// findFirst finds the server's process.
func (s *containedServer) findFirst() error {
	all := processTree(s.cmd.Process.Pid)
	if len(all) < 2 {
		return errors.New("the server is not there")
	}
	s.first = all[1]
	return nil
}

// makePictures makes every format of a photograph, and a PNG of each of these and of a drawing with text.
func (s *containedServer) makePictures(dir string) error {
	photo := picturetest.JPEG(picturetest.Photo(1200, 800, 1), 90)
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), photo, 0o644); err != nil {
		return err
	}
	for _, to := range formats {
		result, err := s.get("/insecure/w:300/f:" + to + "/plain/local:///photo.jpg")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "source."+to), result, 0o644); err != nil {
			return err
		}
		if _, err := s.get("/insecure/w:100/f:png/plain/local:///source." + to); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "drawing.svg"), []byte(drawing), 0o644); err != nil {
		return err
	}
	drawn, err := s.get("/insecure/f:png/plain/local:///drawing.svg")
	if err != nil {
		return err
	}
	dark, err := darkPixels(drawn)
	if err != nil {
		return err
	}
	if dark < 200 {
		return fmt.Errorf("the text of an SVG has %d dark pixels: a font or a table of characters is missing", dark)
	}
	fmt.Printf("pictures: %s, and PNGs of these and of an SVG\n", strings.Join(formats, ", "))
	return nil
}

// loseWorker kills a worker: the next picture is made all the same, and of the killed one nothing is left.
func (s *containedServer) loseWorker() error {
	all := processTree(s.first)
	if len(all) < 2 {
		return errors.New("there is no worker")
	}
	if err := syscall.Kill(all[len(all)-1], syscall.SIGKILL); err != nil {
		return err
	}
	if _, err := s.get("/insecure/w:301/plain/local:///photo.jpg"); err != nil {
		return fmt.Errorf("after a worker was killed: %w", err)
	}
	for end := time.Now().Add(tooLong); ; time.Sleep(50 * time.Millisecond) {
		left := 0
		for _, pid := range processTree(s.first) {
			if stateOf(pid) == "Z" {
				left++
			}
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes have ended and nobody waits for them", left)
		}
	}
}

func (s *containedServer) get(path string) ([]byte, error) {
	client := http.Client{Timeout: tooLong}
	resp, err := client.Get("http://" + address + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, bytes.TrimSpace(body))
	}
	return body, err
}

// endServer asks the server to end by the signal of STOPSIGNAL, and wants it to do so by itself.
func (s *containedServer) endServer() error {
	if s.first == 0 {
		return nil
	}
	if err := syscall.Kill(s.first, syscall.SIGTERM); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("the server after SIGTERM: %w", err)
		}
		fmt.Println("SIGTERM ends it with status 0")
		return nil
	case <-time.After(tooLong):
		return errors.New("the server does not end after SIGTERM")
	}
}

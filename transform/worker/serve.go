package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/memfile"
)

// Engine is what a worker works with; transform/vips has the real one.
type Engine interface {
	// Run does a job. The Body of a delivered picture is gone when deliver returns.
	Run(ctx context.Context, job transform.Job, deliver func(i int, p transform.Picture) error) error
	// FindTrim finds what lies inside of the border that the job's only output says.
	FindTrim(ctx context.Context, job transform.Job) (transform.Rect, error)
	// Probe tries every promised format out.
	Probe() transform.Capabilities
	// SetSpare says how many bytes of freed memory may stay for the next job from now on.
	// Where that is less than before, all freed memory goes back to the system.
	SetSpare(bytes int64)
	// Trim gives all freed memory back to the system.
	Trim()
}

// ErrNotStartedByServer: somebody ran the worker command by hand.
var ErrNotStartedByServer = errors.New("a worker is started by `pictor serve`, not by hand")

// Serve is a worker's life: it takes jobs from its socket until the server is
// gone. build is its BuildID. It returns only an error of the start; else it ends
// the process.
func Serve(build string, newEngine func() Engine) error {
	conn, err := inheritedSocket()
	if err != nil {
		return err
	}
	closeStrays()
	if err := confineSelf(os.Getenv(sandboxEnv)); err != nil {
		return err
	}
	requests := make(chan incoming)
	go func() {
		// This loop also is the watch on the server: its end is seen here
		// while the other goroutine is deep in an encoder.
		err := readRequests(conn, requests)
		exitCode := 0
		if !errors.Is(err, io.EOF) {
			fmt.Fprintln(os.Stderr, "pictor-worker:", err)
			exitCode = 1
		}
		os.Exit(exitCode)
	}()
	engine := newEngine()
	if err := writeFrame(conn, response{Kind: kindReady, Build: build}, nil); err != nil {
		return err
	}
	var rest rest
	idle := time.NewTimer(heapRest)
	for {
		select {
		case in := <-requests:
			switch in.Kind {
			case kindPages:
				rest.pages = in.ownPages()
				continue
			case kindSpare:
				engine.SetSpare(in.Spare)
				continue
			}
			if err := answerRequest(conn, engine, in); err != nil {
				// The socket is broken; the reader sees the same and exits.
				fmt.Fprintln(os.Stderr, "pictor-worker:", err)
				os.Exit(1)
			}
			rest.heapReleased = false
			idle.Reset(heapRest)
		case <-idle.C:
			if again := rest.releaseNext(engine); again > 0 {
				idle.Reset(again)
			}
		}
	}
}

// incoming is a request with its files: none for a probe, else the source and
// perhaps a watermark.
type incoming struct {
	request
	files []*os.File
}

func inheritedSocket() (*net.UnixConn, error) {
	// What is no socket belongs to somebody else, and stays as it is.
	if !isSocket(socketFD) {
		return nil, ErrNotStartedByServer
	}
	f := os.NewFile(socketFD, "server")
	c, err := net.FileConn(f)
	f.Close() // net.FileConn made a copy
	if err != nil {
		return nil, ErrNotStartedByServer
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, ErrNotStartedByServer
	}
	return conn, nil
}

// readRequests reads until the server closes, which is io.EOF.
func readRequests(conn *net.UnixConn, out chan<- incoming) error {
	for {
		f, head, err := receiveRequest(conn)
		if err != nil {
			return err
		}
		in := incoming{files: f}
		if err := json.Unmarshal(head, &in.request); err != nil {
			return fmt.Errorf("%w: %v", errFrame, err)
		}
		// Nothing else is written meanwhile: the one job before is answered.
		if in.Kind != kindPages && in.Kind != kindSpare {
			if err := writeFrame(conn, response{Kind: kindBegun}, nil); err != nil {
				return err
			}
		}
		out <- in
	}
}

// answerRequest does one request and tells the outcome. The error is of the socket.
func answerRequest(conn net.Conn, engine Engine, in incoming) error {
	switch in.Kind {
	case kindProbe:
		c := engine.Probe()
		return writeFrame(conn, response{Kind: kindProbed, Probe: &c}, nil)
	case kindTrim:
		engine.Trim()
		return writeFrame(conn, response{Kind: kindTrimmed}, nil)
	case kindJob, kindLook:
	default:
		return writeFrame(conn, response{Kind: kindFailed, Text: "unknown request"}, nil)
	}
	engine.SetSpare(in.Spare)
	last, err := runJob(conn, engine, in)
	if in.Spare == 0 {
		// Before the last word, so that the server sees what is really kept.
		engine.Trim()
	}
	if err == nil {
		return writeFrame(conn, last, nil)
	}
	var socket *socketError
	if errors.As(err, &socket) {
		return socket.error
	}
	failed := response{Kind: kindFailed, Class: classOf(err), Text: clipText(err.Error())}
	var d interface{ Details() string }
	if errors.As(err, &d) {
		failed.Detail = clipText(d.Details())
	}
	return writeFrame(conn, failed, nil)
}

// socketError tells a failed delivery from a failed job.
type socketError struct{ error }

// runJob does a job or a look and gives what there is to say at its end.
func runJob(conn net.Conn, engine Engine, in incoming) (last response, err error) {
	if len(in.files) == 0 {
		return last, errors.New("job without a source")
	}
	var sources []*memfile.Source
	for _, f := range in.files {
		source, err := memfile.Open(f)
		if err != nil {
			return last, err
		}
		defer source.Close()
		sources = append(sources, source)
	}
	job := transform.Job{Source: sources[0], Info: in.Info, Outputs: in.Outputs, Starts: in.Starts,
		WatermarkInfo: in.Watermark}
	if len(sources) > 1 {
		job.Watermark = sources[1]
	}
	if in.Kind == kindLook {
		content, err := engine.FindTrim(context.Background(), job)
		return response{Kind: kindLooked, Content: &content}, err
	}
	return response{Kind: kindDone}, engine.Run(context.Background(), job, func(i int, p transform.Picture) error {
		head := response{Kind: kindPicture, Index: i, Format: p.Format, Width: p.Width, Height: p.Height,
			Searched: p.Searched, Placeholder: p.Placeholder}
		if err := writeFrame(conn, head, p.Body); err != nil {
			return &socketError{err}
		}
		return nil
	})
}

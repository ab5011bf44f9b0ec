package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy"
)

// warmCmd has a running server make images before clients request them.
type warmCmd struct {
	config.File `embed:""`
	adminFlags  `embed:""`

	URL     []string      `arg:"" optional:"" name:"url" help:"URLs or paths of images, signed, as clients request them, or - to read one per line from standard input."`
	List    string        `help:"File of such URLs, one per line, or - for standard input." placeholder:"FILE"`
	Source  []string      `sep:"none" help:"URL of a source image, for which the server signs URLs. Can be repeated, like --accept." placeholder:"URL"`
	Widths  []int         `help:"Widths in pixels to make of each source." placeholder:"W"`
	Formats []string      `help:"Formats to make of each source, such as webp,jpg or auto. Default: the URLs name none." placeholder:"F"`
	Options string        `help:"Options for the sources as in a path, such as rs:fill:300:200/q:80." placeholder:"OPTIONS"`
	Accept  []string      `sep:"none" help:"Accept header of clients to make images for, where a URL's format is negotiated. Default: every format that clients may get." placeholder:"TYPES"`
	JSON    bool          `name:"json" help:"Print a line of JSON for each image, and one at the end."`
	Timeout time.Duration `help:"How long all of it may take. 0 means as long as it needs." default:"0"`
}

// Validate refuses a command line that names nothing, or options for no source.
func (cmd *warmCmd) Validate() error {
	switch {
	case len(cmd.URL)+len(cmd.Source) == 0 && cmd.List == "":
		return errors.New("takes URLs, --list with a file of them, or --source")
	case len(cmd.Source) == 0 && (len(cmd.Widths)+len(cmd.Formats) > 0 || cmd.Options != ""):
		return errors.New("--widths, --formats and --options are for --source: a URL has its own")
	}
	return nil
}

// warmSilence is how long a server may send nothing: it says at least every 5 seconds that
// it goes on.
const warmSilence = time.Minute

var (
	errInterrupted = errors.New("interrupted")
	errSilent      = fmt.Errorf("%w: nothing came for %v", errUnsure, warmSilence)
	errCutShort    = fmt.Errorf("%w: it ends before all was done", errUnsure)
)

func (cmd *warmCmd) Run() error {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		select {
		case <-signals:
			stop(errInterrupted)
		case <-ctx.Done():
		}
	}()
	if cmd.Timeout > 0 {
		late := time.AfterFunc(cmd.Timeout, func() { stop(fmt.Errorf("--timeout %v is over", cmd.Timeout)) })
		defer late.Stop()
	}
	out := newWarmPrinter(cmd.JSON, os.Stdout, os.Stderr)
	err := cmd.warmAll(ctx, out)
	if cause := context.Cause(ctx); cause != nil {
		err = fmt.Errorf("%w; images that were not done are left", cause)
	}
	out.printEnd(err == nil)
	if n := out.sum.Failed; n > 0 {
		err = joinCauses(err, fmt.Errorf("%d of %d images could not be warmed", n, out.images()))
	}
	return err
}

// warmAll sends one batch after the other.
func (cmd *warmCmd) warmAll(ctx context.Context, out *warmPrinter) error {
	for ask, err := range cmd.batches(os.Stdin) {
		if err == nil {
			err = cmd.warmBatch(ctx, ask, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// warmBatch has the server warm a batch, and prints what it says until all is done.
func (cmd *warmCmd) warmBatch(ctx context.Context, ask proxy.WarmRequest, out *warmPrinter) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	silence := time.AfterFunc(warmSilence, func() { stop(errSilent) })
	defer silence.Stop()
	resp, err := cmd.sendBatch(ctx, ask)
	if err != nil {
		return causeOr(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, err := readAnswer(resp)
		return err
	}
	for lines := json.NewDecoder(resp.Body); ; {
		var line proxy.WarmLine
		err := lines.Decode(&line)
		silence.Reset(warmSilence)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return causeOr(ctx, errCutShort)
		case err != nil:
			return causeOr(ctx, fmt.Errorf("%w: %w", errUnsure, err))
		case line.Status == proxy.StatusStopped && line.WarmTotals != nil:
			return fmt.Errorf("the server stopped, and %d URLs are left: %s", line.Left, line.Error)
		case line.Status == proxy.StatusDone:
			return nil
		}
		out.printLine(line)
	}
}

func (cmd *warmCmd) sendBatch(ctx context.Context, ask proxy.WarmRequest) (*http.Response, error) {
	req, err := cmd.newPost(ctx, "/warm", ask)
	if err != nil {
		return nil, err
	}
	return openAdmin("--admin-listen", cmd.AdminListen, 0, req)
}

// causeOr is why ctx has ended, where it has, else err.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

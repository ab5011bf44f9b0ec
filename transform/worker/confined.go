package worker

import (
	"fmt"
	"os"

	"github.com/pictor-proxy/pictor/transform"
)

// kindPages hands a worker the list of its mappings, as a file: it cannot open
// it. There is no response.
const kindPages kind = "pages"

// prepareSandbox sees to it that workers are confined, and what they write to standard
// error is bounded.
func (p *Pool) prepareSandbox() (err error) {
	p.stderr = newStderrLog(p.log)
	if p.cfg.Sandbox == nil {
		if p.cfg.Sandbox, err = NewSandbox(Auto); err != nil {
			return err
		}
	}
	p.cfg.Sandbox.logLayers(p.log)
	return nil
}

// Sandbox are the layers that each worker is in.
func (p *Pool) Sandbox() []transform.Layer { return p.cfg.Sandbox.Layers() }

// checkConfined makes sure that a worker that says it is ready is in its sandbox,
// and gives it what it cannot reach from there.
func (p *process) checkConfined() error {
	if err := p.sandbox.checkProcess(p.cmd.Process.Pid); err != nil {
		return fmt.Errorf("%w: %w", transform.ErrCrashed, err) // it is outside, or gone
	}
	pages, err := openPages(p.cmd.Process.Pid)
	if err != nil {
		return nil // it keeps its pages
	}
	defer pages.Close()
	b, err := encodeFrame(request{Kind: kindPages}, 0)
	if err != nil {
		return err
	}
	if err := sendRequest(p.conn, b, pages); err != nil {
		return errDied
	}
	return nil
}

// ownPages is the file of a kindPages.
func (in incoming) ownPages() *os.File {
	if len(in.files) == 0 {
		return nil
	}
	return in.files[0]
}

package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// browser is a headless Chromium with one page, driven by its DevTools protocol over a pipe.
type browser struct {
	t       testing.TB
	session string
	to      *os.File

	mu      sync.Mutex
	last    int
	waiting map[int]chan devToolsAnswer
	// console are errors of the page: of scripts, of its policy, and of what it could not load.
	console []string
}

// devToolsAnswer is a message from the browser: the answer to a call, or an event.
type devToolsAnswer struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// newBrowser starts a Chromium, which ends with the test.
func newBrowser(t testing.TB) *browser {
	t.Helper()
	needs(t, "chromium")
	home := t.TempDir()
	cmd := exec.Command("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--hide-scrollbars", "--disable-background-networking", "--disable-dev-shm-usage", "--remote-debugging-pipe",
		"--user-data-dir="+filepath.Join(home, "profile"), "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home)
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, to: ourOut, waiting: map[int]chan devToolsAnswer{}}
	go b.read(ourIn)
	t.Cleanup(func() {
		b.call("Browser.close", nil, nil)
		_ = cmd.Wait()
		ourOut.Close()
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// read takes messages, which end with a zero byte.
func (b *browser) read(from *os.File) {
	defer from.Close()
	in := bufio.NewReaderSize(from, 1<<20)
	for {
		raw, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m devToolsAnswer
		if json.Unmarshal(raw[:len(raw)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if c := b.waiting[m.ID]; c != nil && m.Method == "" {
			delete(b.waiting, m.ID)
			c <- m
		}
		if m.Method == "Runtime.exceptionThrown" || m.Method == "Log.entryAdded" {
			b.console = append(b.console, string(m.Params))
		}
		b.mu.Unlock()
	}
}

// call calls a method, and reads its result into to, unless that is nil.
func (b *browser) call(method string, params, to any) {
	b.t.Helper()
	b.mu.Lock()
	b.last++
	answered := make(chan devToolsAnswer, 1)
	b.waiting[b.last] = answered
	message := map[string]any{"id": b.last, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" && method != "Browser.close" {
		message["sessionId"] = b.session
	}
	raw, err := json.Marshal(message)
	if err == nil {
		_, err = b.to.Write(append(raw, 0))
	}
	b.mu.Unlock()
	if err != nil {
		b.t.Errorf("%s: %v", method, err)
		return
	}
	select {
	case m := <-answered:
		if m.Error != nil {
			b.t.Errorf("%s: %s", method, m.Error.Message)
		} else if to != nil {
			if err := json.Unmarshal(m.Result, to); err != nil {
				b.t.Errorf("%s: %v", method, err)
			}
		}
	case <-time.After(patience):
		b.t.Errorf("%s: no answer", method)
	}
}

// eval runs an expression in the page, waits for its promise, and reads its value into to, unless that is nil.
func (b *browser) eval(expression string, to any) {
	b.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true},
		&got)
	if e := got.ExceptionDetails; e != nil {
		b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if to != nil {
		if err := json.Unmarshal(got.Result.Value, to); err != nil {
			b.t.Fatalf("%s: %v: %s", expression, err, got.Result.Value)
		}
	}
}

// wait waits until an expression is true in the page.
func (b *browser) wait(what, expression string) {
	b.t.Helper()
	waitFor(b.t, what, func() bool {
		var ok bool
		b.eval("Boolean("+expression+")", &ok)
		return ok
	})
}

// screen sets the size of the page in CSS pixels, and its colour scheme.
func (b *browser) screen(width, height int, scheme string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{
		"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// open goes to a page, and waits until it is loaded. Errors of the page before are forgotten.
func (b *browser) open(url string) {
	b.t.Helper()
	b.mu.Lock()
	b.console = nil
	b.mu.Unlock()
	b.call("Page.navigate", map[string]any{"url": "about:blank"}, nil)
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.wait("the page "+url, fmt.Sprintf("location.href.startsWith(%q) && document.readyState === 'complete'", url))
}

// errors are those of the page since it was opened.
func (b *browser) errors() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.console...)
}

// drag presses the mouse at a point of the page, moves it to another one, and lets it go.
func (b *browser) drag(fromX, fromY, toX, toY float64) {
	b.t.Helper()
	at := func(kind string, x, y float64) {
		buttons := 1
		if kind == "mouseReleased" {
			buttons = 0
		}
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left",
			"buttons": buttons, "clickCount": 1}, nil)
	}
	at("mousePressed", fromX, fromY)
	at("mouseMoved", (fromX+toX)/2, (fromY+toY)/2)
	at("mouseMoved", toX, toY)
	at("mouseReleased", toX, toY)
}

// swipe touches a point of the page, moves to another one, and lets go.
func (b *browser) swipe(fromX, fromY, toX, toY float64) {
	b.t.Helper()
	at := func(kind string, points ...any) {
		b.call("Input.dispatchTouchEvent", map[string]any{"type": kind, "touchPoints": append([]any{}, points...)}, nil)
	}
	point := func(x, y float64) any { return map[string]float64{"x": x, "y": y} }
	at("touchStart", point(fromX, fromY))
	at("touchMove", point((fromX+toX)/2, (fromY+toY)/2))
	at("touchMove", point(toX, toY))
	at("touchEnd")
}

// press presses a key, such as "ArrowRight".
func (b *browser) press(key string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key}, nil)
	}
}

// screenshot is the page as it is seen, in PNG.
func (b *browser) screenshot() []byte {
	b.t.Helper()
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	raw, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return raw
}

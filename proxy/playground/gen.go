//go:build ignore

// Command gen draws the playground's sample pictures into samples/.
package main

import (
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"log"
	"math"
	"math/rand/v2"
	"os"
)

func main() {
	for name, m := range map[string]image.Image{
		"dunes":   drawImage(1600, 1067, dunesScene),
		"harbour": drawImage(1600, 1067, harbourScene(0)),
		"lights":  drawImage(1067, 1600, lightsScene()),
	} {
		f, err := os.Create("samples/" + name + ".jpg")
		if err != nil {
			log.Fatal(err)
		}
		if err := jpeg.Encode(f, m, &jpeg.Options{Quality: 84}); err != nil {
			log.Fatal(err)
		}
		if err := f.Close(); err != nil {
			log.Fatal(err)
		}
	}
	if err := drawWaves("samples/waves.gif"); err != nil {
		log.Fatal(err)
	}
}

// drawWaves draws the harbour with water that moves.
func drawWaves(name string) error {
	const frames, hundredths = 10, 12
	var g gif.GIF
	for i := range frames {
		m := drawImage(240, 160, harbourScene(2*math.Pi*float64(i)/frames))
		p := image.NewPaletted(m.Bounds(), palette.Plan9)
		draw.FloydSteinberg.Draw(p, p.Bounds(), m, image.Point{})
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, hundredths)
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := gif.EncodeAll(f, &g); err != nil {
		return err
	}
	return f.Close()
}

// rgb is a colour with channels from 0 to 1.
type rgb [3]float64

func mixColours(a, b rgb, t float64) rgb {
	t = math.Max(0, math.Min(1, t))
	for i := range a {
		a[i] += (b[i] - a[i]) * t
	}
	return a
}

// drawImage asks at for the colour of every point, both coordinates from 0 to 1,
// and adds a little grain.
func drawImage(w, h int, at func(x, y float64) rgb) image.Image {
	r := rand.New(rand.NewPCG(1, 2))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for py := range h {
		for px := range w {
			c := at(float64(px)/float64(w), float64(py)/float64(h))
			grain := (r.Float64() - 0.5) * 0.025
			m.SetRGBA(px, py, color.RGBA{channelByte(c[0] + grain), channelByte(c[1] + grain),
				channelByte(c[2] + grain), 255})
		}
	}
	return m
}

func channelByte(v float64) uint8 { return uint8(255 * math.Max(0, math.Min(1, v))) }

// ridgeHeight is a line of hills.
func ridgeHeight(x, seed float64) float64 {
	return 0.5*math.Sin(3*x+seed) + 0.25*math.Sin(7*x+2.3*seed) + 0.12*math.Sin(17*x+4.1*seed) +
		0.03*math.Sin(53*x+seed)
}

func dunesScene(x, y float64) rgb {
	sky := mixColours(rgb{0.16, 0.24, 0.48}, rgb{1, 0.66, 0.42}, y/0.55)
	sun := math.Hypot((x-0.68)*1.5, y-0.38)
	c := mixColours(sky, rgb{1, 0.93, 0.75}, math.Exp(-sun*sun*30))
	if sun < 0.055 {
		c = rgb{1, 0.97, 0.86}
	}
	for i := range 6 {
		depth := float64(i) / 5
		top := 0.46 + 0.1*float64(i) + 0.075*ridgeHeight(x*(1.3-0.1*depth), 1.7*float64(i))
		if y < top {
			continue
		}
		light := 0.5 + 0.5*math.Sin(9*x+3*float64(i)+22*(y-top))
		c = mixColours(mixColours(rgb{0.86, 0.5, 0.38}, rgb{0.2, 0.1, 0.16}, depth), rgb{1, 0.76, 0.5},
			0.22*light*(1-depth)*math.Exp(-(y-top)*7))
	}
	return c
}

// harbourScene has waves in a phase of 0 to 2π.
func harbourScene(phase float64) func(x, y float64) rgb {
	r := rand.New(rand.NewPCG(7, 7))
	type house struct{ left, right, top, tone float64 }
	var houses []house
	for x := 0.0; x < 1; {
		w := 0.025 + 0.05*r.Float64()
		houses = append(houses, house{x, x + w, 0.3 + 0.2*r.Float64(), r.Float64()})
		x += w
	}
	const shore = 0.6
	above := func(x, y float64) rgb {
		c := mixColours(rgb{0.03, 0.05, 0.14}, rgb{0.25, 0.3, 0.5}, y/shore)
		if d := math.Hypot((x-0.25)*1.5, y-0.16); d < 0.05 {
			c = rgb{0.97, 0.96, 0.88}
		} else {
			c = mixColours(c, rgb{0.7, 0.72, 0.8}, 0.35*math.Exp(-d*9))
		}
		for _, h := range houses {
			if x < h.left || x >= h.right || y < h.top {
				continue
			}
			c = mixColours(rgb{0.06, 0.07, 0.12}, rgb{0.17, 0.13, 0.17}, h.tone)
			col, row := math.Floor((x-h.left)*110), math.Floor((y-h.top)*75)
			inX, inY := math.Mod((x-h.left)*110, 1), math.Mod((y-h.top)*75, 1)
			lit := math.Mod(math.Sin(col*12.9+row*78.2+h.tone*40)*43758, 1)
			if inX > 0.35 && inX < 0.8 && inY > 0.3 && inY < 0.75 && lit > 0.35 {
				c = mixColours(rgb{1, 0.8, 0.42}, rgb{0.85, 0.9, 1}, h.tone*0.7)
			}
		}
		return c
	}
	return func(x, y float64) rgb {
		if y < shore {
			return above(x, y)
		}
		d := y - shore
		wave := 0.012 * d * math.Sin(190*d/(0.12+d)+11*x+phase) * 6
		c := above(math.Max(0, math.Min(0.999, x+wave)), math.Max(0, shore-d*1.1+wave))
		return mixColours(c, rgb{0.02, 0.05, 0.1}, 0.35+0.5*d)
	}
}

func lightsScene() func(x, y float64) rgb {
	r := rand.New(rand.NewPCG(3, 9))
	type disc struct {
		x, y, radius, bright float64
		c                    rgb
	}
	palette := []rgb{{1, 0.72, 0.3}, {0.98, 0.36, 0.3}, {0.35, 0.75, 1}, {0.75, 0.45, 1}, {1, 0.9, 0.65},
		{0.3, 0.95, 0.75}}
	var discs []disc
	for range 70 {
		discs = append(discs, disc{r.Float64(), 1.5 * r.Float64(), 0.03 + 0.09*r.Float64()*r.Float64(),
			0.15 + 0.5*r.Float64(), palette[r.IntN(len(palette))]})
	}
	return func(x, y float64) rgb {
		y *= 1.5
		c := mixColours(rgb{0.05, 0.03, 0.12}, rgb{0.1, 0.04, 0.06}, y/1.5)
		for _, d := range discs {
			dist := math.Hypot(x-d.x, y-d.y) / d.radius
			if dist > 1.1 {
				continue
			}
			edge := 1 / (1 + math.Exp((dist-1)*60))
			rim := 0.7 + 0.5*math.Exp(-(1-dist)*(1-dist)*90)
			for i := range c {
				c[i] += d.c[i] * d.bright * edge * rim
			}
		}
		return c
	}
}

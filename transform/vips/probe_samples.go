package vips

import (
	"encoding/base64"

	"github.com/h2non/bimg"

	"github.com/pictor-proxy/pictor/transform"
	"github.com/pictor-proxy/pictor/transform/container"
)

// probeHEIC is a HEIC of 16 by 16 pixels of one colour, made by heif-enc 1.15.1.
const probeHEIC = `
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAaxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAAAAAAAC
AAAAEGlkYXQAAAAAABAAEAAAADhpbG9jAQAAAERAAAIAAQAAAAAAAAHQAAEAAAAAAAAAZgACAAEAAAAAAAAAAQAAAAAAAAAIAAAAOGlpbmYAAAAAAAIA
AAAVaW5mZQIAAAEAAQAAaHZjMQAAAAAVaW5mZQIAAAAAAgAAZ3JpZAAAAADXaXBycAAAALVpcGNvAAAAdWh2Y0MBBAgAAAAAAAAAAAAe8AD8/fr6AAAP
AyAAAQAXQAEMAf//BAgAAAMAnbgAAAMAAB66AkAhAAEAKkIBAQQIAAADAJ24AAADAAAeoCCBBNluqumubgQEDAgAAAMACAAAAwAIQCIAAQAGRAHBc8GJ
AAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAUaXNwZQAAAAAAAAAQAAAAEAAAABBwaXhpAAAAAAMKCgoAAAAaaXBtYQAAAAAAAAACAAECgQIAAgIDhAAAABpp
cmVmAAAAAAAAAA5kaW1nAAIAAQABAAAAbm1kYXQAAABiKAGvEyG3VFjlxub+SivXHpChxqftT0BrroPU8AmzQV+G3sIj3mLsSUwd2RbR2Jj8i8E0tbKV
7N/lEZEsmei49PMq4zoI8s5ds5XejexkZqWHQJ4F5OjjXnsRBH2k9iyv04A=`

// probeSamples are images of probeSide of formats that are read and not written.
var probeSamples = map[transform.Format]string{
	transform.HEIC: probeHEIC,
}

// readsSample says whether libvips has a decoder for the sample of a format.
func (e *Engine) readsSample(f transform.Format) bool {
	b, err := base64.StdEncoding.DecodeString(probeSamples[f])
	if err != nil {
		return false // it is in this file
	}
	info, err := container.Sniff(b)
	if err != nil || !bimg.IsImageTypeSupportedByVips(bimgTypes[f]).Load {
		return false
	}
	_, ok := e.convertsSource(b, info, transform.PNG)
	return ok
}

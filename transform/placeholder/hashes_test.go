package placeholder

import (
	"encoding/hex"
	"image/color"
	"testing"
)

// referenceHashes are what blurhash@2.0.5 and thumbhash@0.1.1 of npm make of drawnPixels, by its seed. BlurHash is of
// the image over white:
//
//	encode(pixels, width, height, across, down), rgbaToThumbHash(width, height, pixels)
var referenceHashes = []struct {
	width, height, across, down int
	blurhash, thumbhash         string
}{
	{1, 1, 1, 1, "000036", "15002aff0108f708888788708f7088f80888707ff8000000"},
	{100, 100, 2, 5, "bdGu]@agNfacjFWBe[f1e|a%", "df07060f0266807865847a76876774e7669857129f49800b"},
	{100, 67, 3, 9, "@bHed-R-nRneNbagaEafazntahagaJe;azn$f7a|aUf8aznyf7a|aSf8bG", "5e080a4d827736776547987077b97776776a9fcdb0"},
	{67, 100, 4, 4, "UIHLe=nTI;RormV?r^65AIR*1vAWRwr.JC|I", "df07061d026786655866470466a2a87767afb3f608"},
	{100, 3, 5, 8, ",~GR3#VXOYWUJ-#ZXMWYbGSNigbta#j[a#%Ma1X8WWSgigbta#j[a##ZXMWYbGSN~DVXOYWUJ-#ZXMWYbGSN", "1a380e318e7066a4948887886f94b7f584"},
	{3, 100, 6, 3, "NYHKhr{sU+~XU+{s8{O*l5Mfl5O*XMR*R,bqR,R*", "9d270e210e8592788780887a70a7f98874"},
	{32, 24, 7, 7, "yKG[$Zvc0.R9iMrLjYr95aI[}DKzTXj]iRNL-lpEBS+4rvvnXPk-N1r0$~GCZlTaoemsgwXQRUv.c8iPXjbtm?g1aKS#i~o_eYbtWE", "1ef805358812648640b597669a5698863f5dc780a4"},
	{17, 31, 8, 2, "G9H-=9v04bqnH]%zNF?H0J0rrx*8T[viNMi_", "5f080a3c0853057239b8a57588776b3f948830"},
	{50, 50, 9, 6, "rJHLl2sqRns:AGainSn-aMsiagaEV[WCr;aQngWGRmi?NZna1zNys:S#g1ohI=W0BCE]}7oyxUXRrrWAr=S0]z$-T0oeR.noniWaowg3bwWSnMNL", "e0f7050f0078488695507746d4739575767777f6831a6400"},
	{99, 1, 1, 1, "00Gjn7", "9c273a198a77778788880888ca876f8508"},
	{1, 1, 2, 5, "b~SG0x~q~q~q~q~q~q~q~q~q", "de21bd8d371108f78887707ff8f7877f7ff808f78887707ff8"},
	{100, 100, 3, 9, "@4NAuA%|o{.6tLshTbtQS$yBk6RzT8kXXIxxkORgTJjQXKxnoiRZE#r;JC", "20f881050007ddb7efa8dbb807abcf27460766565e3f66f655"},
	{100, 67, 4, 4, "U5NAuA?sXk^h?@XmosW-X%XcW=kM?YS#k4SY", "20f881038008ddb9df6a3d9f3d190310c2f199992b9bc9"},
	{67, 100, 5, 8, ",9NTzW%y$%%f|^t*b:S0avxvgKkpbbogjJx[boRje+xckjf{bWoYjDtibdRzaQxujbkGaknzjIt7bWNOaP%M", "20f881030007fdadb7db96fcdd0d3b3476826d3f57d766"},
	{100, 3, 6, 3, "N~NBA9t7bEn.bF-:_MnTkBofoft7jIf8j]kBoffj", "a1b8811186077b753bb7c09b3b6046fb41207675778878"},
	{3, 100, 7, 7, "y~NBDJ_Mn%^,n%_M~qtKnijIo[jInitKjJafW-bsW-afjJk5kQkBi_kBkQk5esa~bbj[bba~esbwf+jIbIjIf+bwbbafaxbtaxafbb", "62b8851904075a68a906595a6f353fce87787188750857"},
	{32, 24, 8, 2, "GJN1ZB?;u2^WO%Y6v}xc.eIp$^s$RHrzWBo=", "e1d781148418f911bc049aa1e3f8b503855387974997505608"},
	{17, 31, 9, 6, "rXMt?S?@x*.4t3%Nt2-pn%yWs|S2RGn4X7WBf,bsNG%3i-kQpBbdoya#nj_M++I=O,noXOaee@X8t+IVBSw]w^i_rwg2jExbNGxs$}i%jcbaobbb", "20d8811b06285e2fc6b662eaf608377875778777490766"},
	{50, 50, 1, 1, "00NA#P", "e0f781050007eccdb5e75febeaab9f36011579807887a77777"},
	{99, 1, 2, 5, "b~NeXpog~qog~qog~qog~qog", "6769cd59a677787788887087887077f8777788888078f8"},
}

// drawnPixels is an image without meaning, with alpha from the seed 10 on.
func drawnPixels(width, height, seed int) *Image {
	p := &Image{Width: width, Height: height}
	for y := range height {
		for x := range width {
			c := color.NRGBA{uint8(x*(3+seed) + y*seed), uint8(x*y + seed*11), uint8(255 - x*2 + y*5 + seed*x), 255}
			if seed >= 10 {
				c.A = uint8(x*7 + y*13 + seed)
			}
			p.At = append(p.At, c)
		}
	}
	return p
}

func TestHashesAreThoseOfTheReferences(t *testing.T) {
	for seed, want := range referenceHashes {
		p := drawnPixels(want.width, want.height, seed)
		if got := p.Blurhash(want.across, want.down); got != want.blurhash {
			t.Errorf("%d: BlurHash %s, want %s", seed, got, want.blurhash)
		}
		if got := hex.EncodeToString(p.ThumbHash()); got != want.thumbhash {
			t.Errorf("%d: ThumbHash %s, want %s", seed, got, want.thumbhash)
		}
	}
}

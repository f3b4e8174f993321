"""Metadata as masters have it, made by other libraries than the one under test or by hand."""

from __future__ import annotations

from typing import Any

from PIL import Image

from worker.metadata.xmp import Marks

SENTENCE = "Colors added by a test; they are a guess."

MARKS = Marks(
    source_type="http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
    system="Photochrom",
    version="lite sha256:" + "1" * 64,
    master="2" * 64,
    recipe="3" * 64,
    sentence=SENTENCE,
)

#: Caption and city, as IIM writes them.
IPTC = b"\x1c\x02\x78\x00\x0ca fair scene\x1c\x02\x5a\x00\x05Paris"

XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="A scanner 1.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:master"
    xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/" xmlns:archive="http://archive.example/ns/"
    tiff:Orientation="6" tiff:ImageWidth="40" photoshop:Credit="City Archive" photoshop:ColorMode="1"
    xmpMM:InstanceID="xmp.iid:old" xmpMM:DocumentID="xmp.did:old" archive:signature="F 12/3 &quot;b&quot; &lt;1&gt;">
   <dc:creator><rdf:Seq><rdf:li>Zoë Müller</rdf:li></rdf:Seq></dc:creator>
   <dc:description><rdf:Alt>
     <rdf:li xml:lang="x-default">A street</rdf:li><rdf:li xml:lang="de-DE">Eine Straße</rdf:li>
   </rdf:Alt></dc:description>
   <xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource"><xmpGImg:image>AAAA</xmpGImg:image></rdf:li></rdf:Alt>
   </xmp:Thumbnails>
   <xmpMM:History><rdf:Seq>
     <rdf:li stEvt:action="scanned" stEvt:softwareAgent="A scanner 1.0"/>
   </rdf:Seq></xmpMM:History>
  </rdf:Description>
  <rdf:Description rdf:about="uuid:master" xmlns:Iptc4xmpCore="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/">
   <Iptc4xmpCore:Location>Rue de Rivoli</Iptc4xmpCore:Location>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def exif_block(**tags: Any) -> bytes:
    """Returns a block with an artist, a resolution, a date and a place, by Pillow; `tags` as tag_<number>=value."""
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    exif[0x013B] = "Zoe Mueller"
    exif[0x011A], exif[0x011B], exif[0x0128] = 72.0, 72.0, 2
    details = exif.get_ifd(0x8769)
    details[0x9003] = "1936:03:09 10:20:30"
    details[0xA002], details[0xA003] = 4000, 3000
    details[0x829A] = (1, 60)
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (48.0, 51.0, 30.0)
    for name, value in tags.items():
        exif[int(name.removeprefix("tag_"), 0)] = value
    return exif.tobytes()


def exif_of(block: bytes) -> Image.Exif:
    """Returns a block as Pillow reads it."""
    exif = Image.Exif()
    exif.load(block)
    return exif

# Mounts a holdfast drive on Windows as a drive letter, with the system's own WebDAV client.
#
#   windows.ps1 mount URL [X:]           URL such as http://127.0.0.1:4918/home/; default: a free letter
#     -User NAME                         who logs in; the password comes from HOLDFAST_PASSWORD or standard input, or is asked
#     -Fingerprint SHA256                of the drive's certificate, where Windows does not know it
#   windows.ps1 unmount X:-or-URL
#   windows.ps1 allow-large-files        once, as administrator: files up to 4 GiB instead of 50 MB, larger folders
#   windows.ps1 allow-basic              as administrator: names and passwords over http, where anybody may read them
#   windows.ps1 undo-settings            as administrator: both settings as they were before
#
# Windows itself refuses files of more than 50,000,000 bytes unless allow-large-files was run, and of more than 4 GiB
# always; it shows a folder empty when its list is longer than 1,000,000 bytes (some 2,500 files). For larger files
# install rclone and WinFsp: rclone mount :webdav: X: --webdav-url URL --webdav-vendor owncloud --vfs-cache-mode full
param(
  [Parameter(Position = 0)][string]$Verb,
  [Parameter(Position = 1)][string]$Target,
  [Parameter(Position = 2)][string]$Letter = '*',
  [string]$User = '',
  [string]$Fingerprint = ''
)
$ErrorActionPreference = 'Stop'
$parameters = 'HKLM:\SYSTEM\CurrentControlSet\Services\WebClient\Parameters'
# Certificates that are trusted for a mounted drive, by its letter, until it is unmounted.
$trusted = 'HKCU:\SOFTWARE\HoldfastTrustedCertificates'
# What the settings were before; -1: not there, and Windows uses its default.
$remembered = 'HKLM:\SOFTWARE\HoldfastWebClientBefore'

function Stop-With([string]$What, [string]$Next) {
  [Console]::Error.WriteLine("Error: $What")
  [Console]::Error.WriteLine("Next:  $Next")
  exit 1
}

function Show-Usage {
  $mount = 'mount URL [X:] [-User NAME] [-Fingerprint SHA256]'
  $verbs = 'unmount X:-or-URL | allow-large-files | allow-basic | undo-settings'
  [Console]::Error.WriteLine("Usage: windows.ps1 $mount | $verbs")
  exit 2
}

function Assert-WebClient {
  $service = Get-Service -Name WebClient -ErrorAction SilentlyContinue
  if ($null -eq $service) {
    Stop-With 'the WebClient service is not installed' `
      'on Windows Server: Install-WindowsFeature WebDAV-Redirector, then start the machine again'
  }
  if ($service.Status -eq 'Running') { return }
  Write-Output 'Starting the WebClient service'
  try { Start-Service -Name WebClient }
  catch {
    Stop-With 'the WebClient service does not start' `
      'as administrator: Set-Service WebClient -StartupType Manual; Start-Service WebClient'
  }
}

# The redirector's own spelling of a URL, as "net use" lists it.
function ConvertTo-Unc([string]$Url) {
  $uri = [Uri]$Url
  $tls = if ($uri.Scheme -eq 'https') { '@SSL' } else { '' }
  $port = if ($uri.IsDefaultPort) { '' } else { "@$($uri.Port)" }
  $path = [Uri]::UnescapeDataString($uri.AbsolutePath).Trim('/').Replace('/', '\')
  "\\$($uri.Host)$tls$port\DavWWWRoot\$path"
}

# Drive letters that show the URL.
function Find-Letters([string]$Url) {
  $plain = $Url.TrimEnd('/')
  $unc = ConvertTo-Unc $Url
  $short = $unc.Replace('\DavWWWRoot', '')
  Get-CimInstance -ClassName Win32_NetworkConnection |
    Where-Object { $_.LocalName -and (@($plain, $unc, $short) -contains $_.RemoteName.TrimEnd('\', '/')) } |
    ForEach-Object { $_.LocalName }
}

# The server's certificate, and whether Windows would refuse it.
function Read-Certificate([Uri]$Uri) {
  $script:isKnown = $true
  $judge = [Net.Security.RemoteCertificateValidationCallback] {
    param($from, $certificate, $chain, $errors)
    $script:isKnown = $errors -eq [Net.Security.SslPolicyErrors]::None
    $true
  }
  $client = New-Object Net.Sockets.TcpClient($Uri.Host, $Uri.Port)
  try {
    $tls = New-Object Net.Security.SslStream($client.GetStream(), $false, $judge)
    $tls.AuthenticateAsClient($Uri.Host)
    New-Object Security.Cryptography.X509Certificates.X509Certificate2($tls.RemoteCertificate)
  }
  finally { $client.Close() }
}

# Trusts the drive's certificate for this account if its fingerprint is the right one. Gives its thumbprint, or '' when
# Windows knew it already.
function Add-Trust([string]$Url, [string]$Expected) {
  if (-not $Url.StartsWith('https:')) { return '' }
  try { $certificate = Read-Certificate $Url }
  catch { Stop-With "no server answers at $Url" 'start it ("holdfast serve DIR"), then try again' }
  if ($script:isKnown) { return '' }
  $hash = [Security.Cryptography.SHA256]::Create().ComputeHash($certificate.RawData)
  $shown = [BitConverter]::ToString($hash).Replace('-', ':')
  if ($Expected -eq '') {
    Stop-With "Windows does not know the certificate of $Url" `
      "if the server itself (`"holdfast serve`") prints this fingerprint, say -Fingerprint $shown"
  }
  if (($Expected -replace '[^0-9A-Fa-f]', '') -ne ($shown -replace ':', '')) {
    Stop-With "this is another certificate: its SHA-256 fingerprint is $shown" `
      'somebody may stand between; mount only if the server itself ("holdfast serve") prints this fingerprint'
  }
  Write-Host 'Trusting the certificate for your account, until the drive is unmounted; Windows asks whether it may'
  $store = New-Object Security.Cryptography.X509Certificates.X509Store('Root', 'CurrentUser')
  $store.Open('ReadWrite')
  try { $store.Add($certificate) }
  finally { $store.Close() }
  $certificate.Thumbprint
}

# When no other mounted drive needs it.
function Remove-Trust([string]$Thumbprint) {
  if ($Thumbprint -eq '') { return }
  if (Test-Path $trusted) {
    $key = Get-Item -Path $trusted
    foreach ($name in $key.Property) { if ($key.GetValue($name) -eq $Thumbprint) { return } }
  }
  $store = New-Object Security.Cryptography.X509Certificates.X509Store('Root', 'CurrentUser')
  $store.Open('ReadWrite')
  try { foreach ($found in $store.Certificates.Find('FindByThumbprint', $Thumbprint, $false)) { $store.Remove($found) } }
  finally { $store.Close() }
}

function Read-Password([string]$Name) {
  if ($env:HOLDFAST_PASSWORD) { return $env:HOLDFAST_PASSWORD }
  if ([Console]::IsInputRedirected) { return [Console]::In.ReadLine() }
  $typed = Read-Host "Password for $Name" -AsSecureString
  (New-Object Net.NetworkCredential('', $typed)).Password
}

function Find-FreeLetter {
  $taken = @(Get-PSDrive -PSProvider FileSystem | ForEach-Object { $_.Name })
  foreach ($letter in [char[]](90..68)) { if ($taken -notcontains "$letter") { return "${letter}:" } }
  Stop-With 'no drive letter is free' 'unmount another drive first'
}

# "net use" takes a password only from the command line, which every account can read, or by asking itself.
function Connect-Drive([string]$Place, [string]$Url) {
  if ($User -eq '') {
    & net.exe use $Place $Url /persistent:no | Out-Host
    return $LASTEXITCODE -eq 0
  }
  try { (New-Object -ComObject WScript.Network).MapNetworkDrive($Place, $Url, $false, $User, (Read-Password $User)) }
  catch {
    [Console]::Error.WriteLine($_.Exception.Message)
    return $false
  }
  Write-Host "Mounted as $Place"
  $true
}

function Mount-Drive([string]$Url, [string]$Place) {
  Assert-WebClient
  $letters = @(Find-Letters $Url)
  if ($letters.Count -gt 0) { Stop-With "$Url is mounted already as $($letters[0])" "windows.ps1 unmount $($letters[0])" }
  if ($Place -ne '*' -and $Place -notmatch '^[A-Za-z]:$') { Show-Usage }
  if ($Place -ne '*' -and (Test-Path "$Place\")) { Stop-With "$Place is taken" 'name another letter, or none' }
  Write-Output "Mounting $Url"
  if ($Place -eq '*') { $Place = Find-FreeLetter }
  $thumbprint = Add-Trust $Url $Fingerprint
  $isMounted = Connect-Drive $Place $Url.TrimEnd('/')
  if (-not $isMounted) {
    Remove-Trust $thumbprint
    Stop-With "$Url could not be mounted" 'see that name and password are right and the server runs ("holdfast status DIR")'
  }
  if ($thumbprint -ne '') {
    if (-not (Test-Path $trusted)) { New-Item -Path $trusted -Force | Out-Null }
    New-ItemProperty -Path $trusted -Name $Place -PropertyType String -Value $thumbprint -Force | Out-Null
  }
  $limit = Read-Setting $parameters 'FileSizeLimitInBytes'
  if ($limit -le 50000000) {
    Write-Output 'Files of more than 50 MB will be refused by Windows. Once, as administrator: windows.ps1 allow-large-files'
  }
}

function Dismount-Drive([string]$Place) {
  $letters = if ($Place -match '^[A-Za-z]:$') { @($Place) } else { @(Find-Letters $Place) }
  if ($letters.Count -eq 0) { Stop-With "$Place is not mounted" 'nothing is to be done' }
  foreach ($letter in $letters) {
    Write-Output "Unmounting $letter"
    # Without /yes: open files make it ask instead of losing them.
    & net.exe use $letter /delete
    if ($LASTEXITCODE -ne 0) { Stop-With "$letter is in use" 'close the programs that work in it, then try again' }
    $kept = if (Test-Path $trusted) { (Get-Item -Path $trusted).GetValue($letter, '') } else { '' }
    if ($kept -ne '') {
      Remove-ItemProperty -Path $trusted -Name $letter
      Remove-Trust $kept
    }
  }
}

function Assert-Administrator {
  $identity = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
  if (-not $identity.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-With 'this changes a setting of the machine' 'run it in a PowerShell opened as administrator'
  }
}

# -1 when it is not there. Some versions read numbers above 2^31 as negative ones.
function Read-Setting([string]$Key, [string]$Name) {
  $item = Get-ItemProperty -Path $Key -Name $Name -ErrorAction SilentlyContinue
  if ($null -eq $item) { return [int64]-1 }
  $value = [int64]$item.$Name
  if ($value -lt 0) { $value + 4294967296 } else { $value }
}

# By reg.exe, which takes every number that fits into 32 bits.
function Write-Setting([string]$Name, [int64]$Value) {
  & reg.exe add $parameters.Replace(':', '') /v $Name /t REG_DWORD /d $Value /f | Out-Null
  if ($LASTEXITCODE -ne 0) { Stop-With "$Name could not be set" 'run it in a PowerShell opened as administrator' }
}

# Remembers what was there before the first change, so that undo-settings can give it back.
function Set-Setting([string]$Name, [int64]$Value) {
  $before = Read-Setting $parameters $Name
  if ($before -eq $Value) {
    Write-Output "$Name of the WebClient service is $Value already"
    return
  }
  $shown = if ($before -lt 0) { 'not set' } else { $before }
  Write-Output "Setting $Name of the WebClient service to $Value (it was: $shown)"
  if (-not (Test-Path $remembered)) { New-Item -Path $remembered -Force | Out-Null }
  if ($null -eq (Get-ItemProperty -Path $remembered -Name $Name -ErrorAction SilentlyContinue)) {
    New-ItemProperty -Path $remembered -Name $Name -PropertyType String -Value "$before" | Out-Null
  }
  Write-Setting $Name $Value
}

# The service reads its settings when it starts, and drives that are mounted do not outlive that.
function Restart-WebClient {
  $service = Get-Service -Name WebClient -ErrorAction SilentlyContinue
  if ($null -eq $service -or $service.Status -ne 'Running') { return }
  Write-Output 'Starting the WebClient service again; drives mounted by it must be mounted again'
  Restart-Service -Name WebClient -Force
}

function Set-LargeFiles {
  Assert-Administrator
  Set-Setting 'FileSizeLimitInBytes' 4294967295
  Set-Setting 'FileAttributesLimitInBytes' 10000000
  Restart-WebClient
  Write-Output 'To undo: windows.ps1 undo-settings'
}

function Set-Basic {
  Assert-Administrator
  Write-Output 'From now on Windows sends names and passwords over http, too, where anybody on the way can read them.'
  Set-Setting 'BasicAuthLevel' 2
  Restart-WebClient
  Write-Output 'To undo: windows.ps1 undo-settings'
}

function Undo-Settings {
  Assert-Administrator
  if (-not (Test-Path $remembered)) { Stop-With 'no setting was changed by this script' 'nothing is to be done' }
  foreach ($name in (Get-Item -Path $remembered).Property) {
    $before = [int64](Get-ItemProperty -Path $remembered -Name $name).$name
    if ($before -lt 0) {
      Write-Output "Removing $name of the WebClient service"
      Remove-ItemProperty -Path $parameters -Name $name -ErrorAction SilentlyContinue
    } else {
      Write-Output "Setting $name of the WebClient service to $before"
      Write-Setting $name $before
    }
  }
  Remove-Item -Path $remembered
  Restart-WebClient
}

switch ($Verb) {
  'mount' { if ($Target) { Mount-Drive $Target $Letter } else { Show-Usage } }
  'unmount' { if ($Target) { Dismount-Drive $Target } else { Show-Usage } }
  'allow-large-files' { Set-LargeFiles }
  'allow-basic' { Set-Basic }
  'undo-settings' { Undo-Settings }
  default { Show-Usage }
}

# Mounts a holdfast drive on Windows as a drive letter, with the system's own WebDAV client.
#
#   windows.ps1 mount URL [X:]           URL such as http://127.0.0.1:4918/home/; default: a free letter
#   windows.ps1 unmount X:-or-URL
#   windows.ps1 allow-large-files        once, as administrator: files up to 4 GiB instead of 50 MB
#
# Windows itself refuses files of more than 50,000,000 bytes unless allow-large-files was run, and of more than 4 GiB
# always. For larger ones install rclone and WinFsp: rclone mount :webdav: X: --webdav-url URL --vfs-cache-mode full
param(
  [Parameter(Position = 0)][string]$Verb,
  [Parameter(Position = 1)][string]$Target,
  [Parameter(Position = 2)][string]$Letter = '*'
)
$ErrorActionPreference = 'Stop'
$parameters = 'HKLM:\SYSTEM\CurrentControlSet\Services\WebClient\Parameters'

function Stop-With([string]$What, [string]$Next) {
  [Console]::Error.WriteLine("Error: $What")
  [Console]::Error.WriteLine("Next:  $Next")
  exit 1
}

function Show-Usage {
  [Console]::Error.WriteLine('Usage: windows.ps1 mount URL [X:] | unmount X:-or-URL | allow-large-files')
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
  catch { Stop-With 'the WebClient service does not start' 'as administrator: Set-Service WebClient -StartupType Manual' }
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

function Mount-Drive([string]$Url, [string]$Place) {
  Assert-WebClient
  $letters = @(Find-Letters $Url)
  if ($letters.Count -gt 0) { Stop-With "$Url is mounted already as $($letters[0])" "windows.ps1 unmount $($letters[0])" }
  if ($Place -ne '*' -and (Test-Path "$Place\")) { Stop-With "$Place is taken" 'name another letter, or none' }
  Write-Output "Mounting $Url"
  & net.exe use $Place $Url.TrimEnd('/') /persistent:no
  if ($LASTEXITCODE -ne 0) { Stop-With "$Url could not be mounted" 'see that the server runs ("holdfast status DIR")' }
  $limit = (Get-ItemProperty -Path $parameters -ErrorAction SilentlyContinue).FileSizeLimitInBytes
  if ($null -eq $limit -or $limit -le 50000000) {
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
  }
}

function Set-LargeFiles {
  $identity = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
  if (-not $identity.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-With 'this changes a setting of the machine' 'run it in a PowerShell opened as administrator'
  }
  Write-Output 'Setting FileSizeLimitInBytes of the WebClient service to 4294967295 (was 50000000 if never changed)'
  Set-ItemProperty -Path $parameters -Name FileSizeLimitInBytes -Type DWord -Value ([uint32]::MaxValue)
  Restart-Service -Name WebClient
}

switch ($Verb) {
  'mount' { if ($Target) { Mount-Drive $Target $Letter } else { Show-Usage } }
  'unmount' { if ($Target) { Dismount-Drive $Target } else { Show-Usage } }
  'allow-large-files' { Set-LargeFiles }
  default { Show-Usage }
}
